/* SPDX-License-Identifier: ISC */
/*
 * Does a path through Redis still lead to this node?  The table of it: (state,
 * event) -> (next state, what to do).  Pure; worker/relay/canary.c does it.
 * The states are those of proto/slot_redis.h, since the supervisor reads them.
 */
#ifndef HOLDFAST_RELAY_CANARY_FSM_H
#define HOLDFAST_RELAY_CANARY_FSM_H

#include <stdint.h>

#include "proto/slot_redis.h"

enum canary_event {
	CANARY_QUIET,	/* nothing came for redis.canary_interval */
	CANARY_HEARD,	/* something did, a canary or not */
	CANARY_EXCUSED, /* Redis takes nothing now, or we were late ourselves */
	CANARY_LINKED,	/* a link that the path needs is up again */
	CANARY_EXPIRED, /* redis.deaf_after is over */
	CANARY_NOTHING,
	CANARY_EVENTS = CANARY_NOTHING
};

enum canary_act {
	CANARY_IGNORE,
	CANARY_NOTE,   /* the time begins anew */
	CANARY_SEND,   /* a canary; in a new state the time begins anew */
	CANARY_RENEW,  /* make the links anew: they send when they are up */
	CANARY_DEAFEN, /* the same, and tell */
	CANARY_CURE,   /* tell that it is over */
};

struct canary_move {
	enum slot_hearing next;
	enum canary_act act;
};

struct canary_move canary_fsm_next(enum slot_hearing, enum canary_event);

/* The event of having spent so long in a state: QUIET, EXPIRED or NOTHING. */
enum canary_event canary_fsm_time(enum slot_hearing, uint64_t spent_ms,
    uint64_t interval_ms, uint64_t deaf_after_ms);

#endif
