/* SPDX-License-Identifier: ISC */
/*
 * Names of keys and channels in Redis.  A public contract, see
 * holdfast-protocol(7): other programs read them and publish to them.  Each is
 * written with its NUL to out; the result is its length.
 */
#ifndef HOLDFAST_PROTO_REDIS_NAMES_H
#define HOLDFAST_PROTO_REDIS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/settings_redis.h"

#define REDIS_NAMES_MAX 320u /* prefix, fleet, a node id or client id */

typedef size_t redis_names_fn(const struct settings_redis *, const char *,
    char out[REDIS_NAMES_MAX]);

/* user-route:CLIENT, a string: the id of the node it is connected to. */
redis_names_fn redis_names_user_route;
/* node-clients:NODE, a hash: client id -> registration as in the API. */
redis_names_fn redis_names_node_clients;
/* channel:NODE, pub/sub: dispatch documents for that node's clients. */
redis_names_fn redis_names_channel;
/* inbox:NODE, a stream: dispatch documents for that node's clients. */
redis_names_fn redis_names_inbox;
/* ingress:PARTITION, a stream: what clients of all nodes have sent. */
redis_names_fn redis_names_ingress;
/* {FLEET}:WHAT: keys of the fleet as a whole, see holdfast-protocol(7). */
redis_names_fn redis_names_fleet;
/* {FLEET}:routes:NODE, a string: which relay wrote the routes that are there.
 * When it is gone, so may they be. */
redis_names_fn redis_names_routes_mark;

/* "10.0.0.4 8083": a lease's field "peer". */
#define REDIS_NAMES_PEER 80
void redis_names_peer(const char *address, uint16_t port,
    char out[REDIS_NAMES_PEER]);

/* Who holds an entry of {fleet}:drains or {fleet}:upgrades: one drain, by when
 * it was asked for, or upgrade, 0, of one life of the node; also for the
 * supervisor and the relay after it. */
#define REDIS_NAMES_TOKEN 40
void redis_names_token(uint64_t incarnation, uint64_t asked_ms,
    char out[REDIS_NAMES_TOKEN]);

#endif
