/* SPDX-License-Identifier: ISC */
/*
 * The state machine of a drain's permission (see drain_lease_fsm.h).  A cell
 * that is not written out is an event that cannot happen there or comes too
 * late: the state stays.  One that ends in a stop never stands still: to be
 * told to stop makes a paused drain one that holds what it was granted before.
 */
#include "supervisor/drain_lease_fsm.h"

/* `set` tells a written cell from an empty one, whose next state reads 0. */
struct cell {
	unsigned char set;
	unsigned char next;
	unsigned char action;
};

#define M(next, action)                                                        \
	{                                                                      \
		1, DRAIN_LEASE_##next, DRAIN_LEASE_ACT_##action                \
	}

static const struct cell moves[DRAIN_LEASE_MAX][DRAIN_LEASE_EVENT_MAX] = {
	[DRAIN_LEASE_NONE] = {
		[DRAIN_LEASE_EV_SEEK] = M(WAITING, ASK),
		[DRAIN_LEASE_EV_FREE] = M(HELD, CLOSE),
		[DRAIN_LEASE_EV_IMPATIENT] = M(FORCED, UNLEASED),
		[DRAIN_LEASE_EV_FORCE] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_STOP] = M(NONE, NONE),
		[DRAIN_LEASE_EV_NOW] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_END] = M(NONE, NONE),
	},
	[DRAIN_LEASE_WAITING] = {
		[DRAIN_LEASE_EV_SEEK] = M(WAITING, ASK),
		[DRAIN_LEASE_EV_FREE] = M(HELD, CLOSE),
		[DRAIN_LEASE_EV_IMPATIENT] = M(FORCED, UNLEASED),
		[DRAIN_LEASE_EV_GRANTED] = M(HELD, CLOSE),
		[DRAIN_LEASE_EV_FORCE] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_STOP] = M(WAITING, NONE),
		[DRAIN_LEASE_EV_NOW] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_END] = M(NONE, NONE),
	},
	[DRAIN_LEASE_HELD] = {
		[DRAIN_LEASE_EV_GRANTED] = M(HELD, NONE),
		[DRAIN_LEASE_EV_OVER] = M(PAUSED, PAUSE),
		[DRAIN_LEASE_EV_FORCE] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_STOP] = M(HELD, NONE),
		[DRAIN_LEASE_EV_NOW] = M(HELD, NONE),
		[DRAIN_LEASE_EV_END] = M(NONE, NONE),
	},
	[DRAIN_LEASE_PAUSED] = {
		[DRAIN_LEASE_EV_GRANTED] = M(HELD, RESUME),
		[DRAIN_LEASE_EV_OVER] = M(PAUSED, STAY),
		[DRAIN_LEASE_EV_FORCE] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_STOP] = M(HELD, NONE),
		[DRAIN_LEASE_EV_NOW] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_END] = M(NONE, NONE),
	},
	[DRAIN_LEASE_FORCED] = {
		[DRAIN_LEASE_EV_SEEK] = M(FORCED, CLOSE),
		[DRAIN_LEASE_EV_FREE] = M(FORCED, CLOSE),
		[DRAIN_LEASE_EV_GRANTED] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_FORCE] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_STOP] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_NOW] = M(FORCED, NONE),
		[DRAIN_LEASE_EV_END] = M(NONE, NONE),
	},
};

struct drain_lease_move
drain_lease_step(enum drain_lease state, enum drain_lease_event event)
{
	const struct cell *cell = &moves[state][event];
	struct drain_lease_move move = { state, DRAIN_LEASE_ACT_UNEXPECTED };

	if (cell->set) {
		move.next = (enum drain_lease)cell->next;
		move.action = (enum drain_lease_action)cell->action;
	}
	return move;
}

const char *
drain_lease_event_name(enum drain_lease_event event)
{
	static const char *const names[DRAIN_LEASE_EVENT_MAX] = {
		[DRAIN_LEASE_EV_SEEK] = "seek",
		[DRAIN_LEASE_EV_FREE] = "free",
		[DRAIN_LEASE_EV_IMPATIENT] = "impatient",
		[DRAIN_LEASE_EV_GRANTED] = "granted",
		[DRAIN_LEASE_EV_OVER] = "over",
		[DRAIN_LEASE_EV_FORCE] = "force",
		[DRAIN_LEASE_EV_STOP] = "stop",
		[DRAIN_LEASE_EV_NOW] = "now",
		[DRAIN_LEASE_EV_END] = "end",
	};

	return (unsigned)event < DRAIN_LEASE_EVENT_MAX ? names[event] :
							 "unknown";
}

const char *
drain_lease_action_name(enum drain_lease_action action)
{
	static const char *const names[DRAIN_LEASE_ACTION_MAX] = {
		[DRAIN_LEASE_ACT_NONE] = "none",
		[DRAIN_LEASE_ACT_UNEXPECTED] = "unexpected",
		[DRAIN_LEASE_ACT_ASK] = "ask",
		[DRAIN_LEASE_ACT_CLOSE] = "close",
		[DRAIN_LEASE_ACT_UNLEASED] = "unleased",
		[DRAIN_LEASE_ACT_PAUSE] = "pause",
		[DRAIN_LEASE_ACT_STAY] = "stay",
		[DRAIN_LEASE_ACT_RESUME] = "resume",
	};

	return (unsigned)action < DRAIN_LEASE_ACTION_MAX ? names[action] :
							   "unknown";
}
