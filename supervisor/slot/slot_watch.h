/* SPDX-License-Identifier: ISC */
/*
 * The supervisor's clocks: one that looks at all heartbeats eight times in
 * `worker.stall`, and one of a second for rates, strays and the log.
 */
#ifndef HOLDFAST_SLOT_SLOT_WATCH_H
#define HOLDFAST_SLOT_SLOT_WATCH_H

#include <stdint.h>

#include <event2/event.h>

struct supervisor;

struct slot_watch {
	struct event *beat;   /* owned */
	struct event *second; /* owned */
	uint64_t last_ms;     /* of the heartbeat timer */
};

int slot_watch_start(struct supervisor *sup);
void slot_watch_stop(struct supervisor *sup);
/* The stall time was changed. */
void slot_watch_rearm(struct supervisor *sup);

#endif
