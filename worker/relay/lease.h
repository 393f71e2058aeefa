/* SPDX-License-Identifier: ISC */
/*
 * Keeps the node's lease alive while its supervisor is away: clients and routes
 * are as they were, so nobody may declare the node dead.  The supervisor's
 * heartbeat in the node's memory tells whether it is there.
 */
#ifndef HOLDFAST_RELAY_LEASE_H
#define HOLDFAST_RELAY_LEASE_H

#include <stdbool.h>
#include <stdint.h>

struct relay;

struct lease {
	uint64_t beat;	   /* of the supervisor, last seen */
	uint64_t moved_ms; /* when it was seen to change; 0: not yet */
	bool is_told;
};

/* Once a second. */
void lease_tick(struct lease *, struct relay *);

#endif
