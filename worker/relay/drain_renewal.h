/* SPDX-License-Identifier: ISC */
/*
 * Renews the fleet's permission for the drain that the node's memory tells of,
 * beside the supervisor: gateways go on closing connections while that one is
 * away, and other nodes have to wait for them.
 */
#ifndef HOLDFAST_RELAY_DRAIN_RENEWAL_H
#define HOLDFAST_RELAY_DRAIN_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

struct relay;

struct drain_renewal {
	struct relay *relay; /* borrowed */
	uint64_t drain;	     /* that the request under way is for */
	uint64_t asked_ms;
	bool is_asking;
};

void drain_renewal_start(struct drain_renewal *, struct relay *);
/* Once a second. */
void drain_renewal_tick(struct drain_renewal *);

#endif
