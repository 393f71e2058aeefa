/* SPDX-License-Identifier: ISC */
/*
 * Keeps the node's lease alive while its supervisor is away, and says to other
 * nodes that it lives: clients and routes are as they were, so nobody may
 * declare it dead.  The supervisor's heartbeat in the node's memory tells
 * whether it is there.
 */
#ifndef HOLDFAST_RELAY_LEASE_H
#define HOLDFAST_RELAY_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/line_port.h"

struct relay;

struct lease {
	struct relay *relay;   /* borrowed */
	struct line_port port; /* open while the supervisor is away */
	uint64_t beat;	       /* of the supervisor, last seen */
	uint64_t moved_ms;     /* when it was seen to change; 0: not yet */
	uint64_t heard_ms;     /* when Redis last took it; 0: never */
	bool is_away;
};

void lease_start(struct lease *, struct relay *);
/* Once a second. */
void lease_tick(struct lease *);

#endif
