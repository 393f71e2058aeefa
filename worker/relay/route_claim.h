/* SPDX-License-Identifier: ISC */
/*
 * One client's route in Redis, taken or given back: user-route:CLIENT and its
 * registration in node-clients:NODE.  Of two nodes the one whose connection is
 * newer gets it, whoever asks first.  Every step is a command or a script with
 * a single key, and each may be repeated.
 *
 * Order: the registration is there before the route and goes after it, so that
 * whoever finds a route also finds when its connection was established, and a
 * node finds all of its routes through its registrations.
 */
#ifndef HOLDFAST_RELAY_ROUTE_CLAIM_H
#define HOLDFAST_RELAY_ROUTE_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/redis_link.h"
#include "proto/record.h"

#define ROUTE_NODE_MAX 127u /* bytes of a node id */

struct relay;

enum route_end {
	ROUTE_TAKEN,
	ROUTE_LOST, /* to rival, whose connection is newer */
	ROUTE_GONE, /* given back */
	ROUTE_FAILED,
	ROUTE_END_MAX
};

struct route_claim;
typedef void route_claim_cb(struct route_claim *, enum route_end, void *arg);

/* Must stay where it is until on_end was called. */
struct route_claim {
	struct relay *relay; /* borrowed */
	route_claim_cb *on_end;
	void *arg;
	const char *node; /* borrowed: for whom */
	uint64_t established_ms;
	uint64_t rival_ms;
	enum redis_fault fault; /* of ROUTE_FAILED */
	uint32_t tries;
	uint32_t client_len;
	char client[RECORD_ID_MAX + 1];
	char rival[ROUTE_NODE_MAX + 1]; /* a node id that was in the way */
	bool rival_is_known;		/* it has a registration */
	bool is_alone; /* the second command could not be sent */
};

/* relay, on_end, arg, node and client are set by the caller.  on_end is called
 * later, exactly once, unless these return -errno as redis_link_command(). */
int route_claim_take(struct route_claim *, const char *registration,
    uint64_t established_ms) __attribute__((warn_unused_result));
int route_claim_give_back(struct route_claim *)
    __attribute__((warn_unused_result));

/* Forgets a registration, and waits for nothing. */
void route_claim_drop_registration(struct relay *, const char *node,
    const char *client);

#endif
