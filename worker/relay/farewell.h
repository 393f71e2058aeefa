/* SPDX-License-Identifier: ISC */
/*
 * The orderly end of a relay whose node stops, when its gateways have ended:
 * what they have reported is acted upon, what clients have sent goes to Redis,
 * and routes are removed, for as long as the supervisor allows.  What is left
 * then is counted and logged.
 */
#ifndef HOLDFAST_RELAY_FAREWELL_H
#define HOLDFAST_RELAY_FAREWELL_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

struct relay;

struct farewell {
	struct relay *relay; /* borrowed */
	struct event *step;  /* owned; runs until it is over */
	uint64_t end_ms;     /* 0: it has not begun */
};

/* 0 or -ENOMEM. */
int farewell_start(struct farewell *, struct relay *)
    __attribute__((warn_unused_result));

/* The supervisor is told when it is over, by Drained, and ends us. */
void farewell_begin(struct farewell *, uint64_t within_ms);

#endif
