/* SPDX-License-Identifier: ISC */
/*
 * The newest connection of a client id wins.  Within a slot the gateway sees to
 * that; here it is done across slots: when a gateway reports a connection, and,
 * whenever reports may have been missed, by a walk over all tables.
 */
#ifndef HOLDFAST_RELAY_RIVALS_H
#define HOLDFAST_RELAY_RIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "proto/slot.h"

/* How a connection ends that a newer one of its client replaces. */
#define RIVALS_CODE   4001
#define RIVALS_REASON "replaced by a newer connection"

struct relay;

struct rivals {
	struct relay *relay; /* borrowed */
	struct event *walk;  /* owned */
	bool walking;
	bool again;    /* asked for while walking: begin anew afterwards */
	uint32_t slot; /* where the walk stands */
	uint32_t rec;
	uint32_t seen_resync[SLOT_MAX_WORKERS]; /* last header.resync_wanted */
};

/* 0 or -ENOMEM. */
int rivals_start(struct rivals *, struct relay *);
void rivals_stop(struct rivals *);

/* A connection of this id has opened somewhere: losers are kicked. */
void rivals_check(struct rivals *, const char *id, size_t len);

/* Walks over all tables, a bounded number of records each time. */
void rivals_resync(struct rivals *);

/* Looks whether a gateway has asked for that. */
void rivals_poll(struct rivals *);

#endif
