/* SPDX-License-Identifier: ISC */
/*
 * The reading end of a gateway's ring: connections that came and went, and
 * receipts of deliveries.  What a compromised gateway writes there is skipped
 * and counted.
 */
#ifndef HOLDFAST_RELAY_RING_UP_H
#define HOLDFAST_RELAY_RING_UP_H

#include <stdint.h>

#include <event2/event.h>

struct relay;

struct ring_up {
	struct relay *relay; /* borrowed */
	uint32_t slot;
	struct event *wake; /* owned; NULL: not started */
};

/* Watches the ring of an attached shard and reads what is in it.  -ENOMEM. */
int ring_up_start(struct ring_up *, struct relay *, uint32_t slot)
    __attribute__((warn_unused_result));
void ring_up_stop(struct ring_up *);
/* Reads what is still in it, then stops: its writer is gone for good. */
void ring_up_finish(struct ring_up *);

#endif
