/* SPDX-License-Identifier: ISC */
/*
 * See redis_names.h.  "{" FLEET "}" is a hash tag of Redis Cluster: such keys
 * stand together; keys of a client each stand where they fall.
 */
#include "proto/redis_names.h"

#include <inttypes.h>
#include <stdio.h>

static size_t
name(const struct settings_redis *redis, const char *kind, const char *id,
    char out[REDIS_NAMES_MAX])
{
	return (size_t)snprintf(out, REDIS_NAMES_MAX, "%s%s:%.127s",
	    redis->prefix, kind, id);
}

size_t
redis_names_user_route(const struct settings_redis *redis, const char *client,
    char out[REDIS_NAMES_MAX])
{
	return name(redis, "user-route", client, out);
}

size_t
redis_names_node_clients(const struct settings_redis *redis, const char *node,
    char out[REDIS_NAMES_MAX])
{
	return name(redis, "node-clients", node, out);
}

size_t
redis_names_channel(const struct settings_redis *redis, const char *node,
    char out[REDIS_NAMES_MAX])
{
	return name(redis, "channel", node, out);
}

size_t
redis_names_inbox(const struct settings_redis *redis, const char *node,
    char out[REDIS_NAMES_MAX])
{
	return name(redis, "inbox", node, out);
}

size_t
redis_names_ingress(const struct settings_redis *redis, const char *partition,
    char out[REDIS_NAMES_MAX])
{
	return name(redis, "ingress", partition, out);
}

size_t
redis_names_fleet(const struct settings_redis *redis, const char *what,
    char out[REDIS_NAMES_MAX])
{
	return (size_t)snprintf(out, REDIS_NAMES_MAX, "%s{%s}:%.140s",
	    redis->prefix, redis->fleet, what);
}

size_t
redis_names_routes_mark(const struct settings_redis *redis, const char *node,
    char out[REDIS_NAMES_MAX])
{
	return (size_t)snprintf(out, REDIS_NAMES_MAX, "%s{%s}:routes:%.127s",
	    redis->prefix, redis->fleet, node);
}

void
redis_names_peer(const char *address, uint16_t port, char out[REDIS_NAMES_PEER])
{
	(void)snprintf(out, REDIS_NAMES_PEER, "%s %u", address, (unsigned)port);
}

void
redis_names_token(uint64_t incarnation, uint64_t asked_ms,
    char out[REDIS_NAMES_TOKEN])
{
	(void)snprintf(out, REDIS_NAMES_TOKEN, "%016" PRIx64 ":%" PRIx64,
	    incarnation, asked_ms);
}
