/* SPDX-License-Identifier: ISC */
/*
 * Relations between keys of the configuration (see settings_check.h).
 */
#include "proto/settings_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/redis_tls.h"
#include "lib/redis_url.h"
#include "proto/ring_messages.h"

static int
is_loopback(const char *text)
{
	struct ipaddr addr;

	return ipaddr_parse(text, &addr) == 0 && ipaddr_is_loopback(&addr);
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* It stands in keys of Redis, in lines that are split at blanks, in URLs and
 * in tables. */
static int
check_node(const struct settings *s, char *out, size_t out_size)
{
	const char *id = s->node.id;

	if (id[strspn(id, LETTERS DIGITS "._-")] == '\0')
		return 0;
	(void)snprintf(out, out_size,
	    "node.id: only letters, digits and . _ - may be in it: %s", id);
	return -EINVAL;
}

/* Names become parts of keys: braces there would be a hash tag of their own,
 * and blanks cannot be typed in redis-cli without quoting. */
static int
check_redis(const struct settings *s, char *out, size_t out_size)
{
	static const char plain[] = LETTERS DIGITS "._-:";
	const char *fleet = s->redis.fleet, *prefix = s->redis.prefix;
	struct redis_url url;
	const char *problem;

	if (s->redis.url[0] != '\0' &&
	    redis_url_parse(s->redis.url, &url, &problem) != 0) {
		(void)snprintf(out, out_size, "redis.url: %s", problem);
		return -EINVAL;
	}
	if (s->upstream.mode == UPSTREAM_STREAM && s->redis.url[0] == '\0') {
		(void)snprintf(out, out_size,
		    "upstream.mode: \"stream\" needs redis.url");
		return -EINVAL;
	}
	if (s->upstream.mode == UPSTREAM_STREAM &&
	    s->websocket.max_message > RING_IN_LARGEST) {
		(void)snprintf(out, out_size,
		    "websocket.max_message: upstream.mode \"stream\" takes "
		    "messages of at most %uKiB",
		    RING_IN_LARGEST / 1024);
		return -EINVAL;
	}
	if (s->redis.url[0] != '\0' && url.tls && !REDIS_TLS_IS_BUILT) {
		(void)snprintf(out, out_size,
		    "redis.url: this build has no TLS to Redis (hiredis_ssl)");
		return -EINVAL;
	}
	if ((s->redis.tls_cert[0] == '\0') != (s->redis.tls_key[0] == '\0')) {
		(void)snprintf(out, out_size,
		    "redis.tls_cert: needs redis.tls_key, and the key it");
		return -EINVAL;
	}
	if (s->redis.user[0] != '\0' && s->redis.password_file[0] == '\0') {
		(void)snprintf(out, out_size,
		    "redis.user: needs redis.password_file");
		return -EINVAL;
	}
	if (s->redis.sentinel_user[0] != '\0' &&
	    s->redis.sentinel_password_file[0] == '\0') {
		(void)snprintf(out, out_size,
		    "redis.sentinel_user: needs redis.sentinel_password_file");
		return -EINVAL;
	}
	if (fleet[strspn(fleet, plain)] != '\0' ||
	    prefix[strspn(prefix, plain)] != '\0') {
		(void)snprintf(out, out_size,
		    "redis.%s: only letters, digits and . _ - : may be in it",
		    fleet[strspn(fleet, plain)] != '\0' ? "fleet" : "prefix");
		return -EINVAL;
	}
	if (s->redis.backoff_max_ms < s->redis.backoff_ms) {
		(void)snprintf(out, out_size,
		    "redis.backoff_max: must not be below redis.backoff");
		return -EINVAL;
	}
	return 0;
}

static int
check_fleet(const struct settings *s, char *out, size_t out_size)
{
	const struct settings_fleet *fleet = &s->fleet;
	struct ipaddr peer;

	if (ipaddr_parse(fleet->peer.address, &peer) == 0 &&
	    ipaddr_is_any(&peer)) {
		(void)snprintf(out, out_size,
		    "peer.address: %s is no address that other nodes could "
		    "ask: each would ask itself",
		    fleet->peer.address);
		return -EINVAL;
	}
	if (!(fleet->blast_radius.slack > 0)) {
		(void)snprintf(out, out_size,
		    "blast_radius.slack: must be above 0, or a full fleet "
		    "never grows");
		return -EINVAL;
	}
	if (!(fleet->blast_radius.fraction > 0)) {
		(void)snprintf(out, out_size,
		    "blast_radius.fraction: must be above 0");
		return -EINVAL;
	}
	if (fleet->membership.leader_lease_ms > fleet->membership.lease_ms) {
		(void)snprintf(out, out_size,
		    "membership.leader_lease: must not be above "
		    "membership.lease");
		return -EINVAL;
	}
	return 0;
}

bool
settings_peer_is_hidden(const struct settings *s)
{
	struct redis_url url;
	const char *problem;
	uint32_t i;

	if (s->redis.url[0] == '\0' || !is_loopback(s->fleet.peer.address) ||
	    redis_url_parse(s->redis.url, &url, &problem) != 0)
		return false;
	for (i = 0; i < url.host_count; i++) {
		if (strcmp(url.hosts[i].name, "localhost") != 0 &&
		    !is_loopback(url.hosts[i].name))
			return true;
	}
	return false;
}

int
settings_validate(const struct settings *s, char *out, size_t out_size)
{
	if (s->auth.mode == AUTH_NONE)
		for (uint32_t i = 0; i < s->listen_count; i++)
			if (!is_loopback(s->listen[i].address)) {
				(void)snprintf(out, out_size,
				    "listen[%u].address: %s is not a loopback "
				    "address, which auth.mode \"none\" needs",
				    i, s->listen[i].address);
				return -EINVAL;
			}
	if (s->auth.mode == AUTH_PROXY && s->auth.trusted_proxies.count == 0) {
		(void)snprintf(out, out_size,
		    "auth.mode: \"proxy\" needs auth.trusted_proxies");
		return -EINVAL;
	}
	if (s->api.enabled && s->api.tokens_file[0] == '\0' &&
	    !is_loopback(s->api.address)) {
		(void)snprintf(out, out_size,
		    "api.address: %s is not a loopback address, which the API "
		    "needs without api.tokens_file",
		    s->api.address);
		return -EINVAL;
	}
	if (s->listen_count == 0) {
		(void)snprintf(out, out_size, "listen: at least one is needed");
		return -EINVAL;
	}
	if (s->worker.backoff_max_ms < s->worker.backoff_ms) {
		(void)snprintf(out, out_size,
		    "worker.backoff_max: must not be below worker.backoff");
		return -EINVAL;
	}
	if (check_node(s, out, out_size) != 0 ||
	    check_redis(s, out, out_size) != 0)
		return -EINVAL;
	return check_fleet(s, out, out_size);
}
