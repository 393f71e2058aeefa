/* SPDX-License-Identifier: ISC */
/*
 * Names of keys and channels in Redis.  A public contract, see
 * holdfast-protocol(7): other programs read them and publish to them.  Each is
 * written with its NUL to out; the result is its length.
 */
#ifndef HOLDFAST_PROTO_REDIS_NAMES_H
#define HOLDFAST_PROTO_REDIS_NAMES_H

#include <stddef.h>

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

#endif
