/* SPDX-License-Identifier: ISC */
/*
 * A member's state machine (see member_fsm.h).  A cell that is not written out
 * is an event that cannot happen there or comes too late: the state stays.  A
 * dead one comes back by joining and in no other way, because its routes are
 * gone and it must first write them again; what a leader did not see of that is
 * for fleet_member_follow().
 */
#include "supervisor/fleet/member_fsm.h"

#include <errno.h>
#include <string.h>

/* `set` tells a written cell from an empty one, whose next state reads 0. */
struct cell {
	unsigned char set;
	unsigned char next;
	unsigned char action;
};

#define M(next, action)                                                        \
	{                                                                      \
		1, MEMBER_##next, MEMBER_ACT_##action                          \
	}

static const struct cell moves[MEMBER_STATE_MAX][MEMBER_EVENT_MAX] = {
	[MEMBER_JOINING] = {
		[MEMBER_EV_JOIN] = M(JOINING, NONE),
		[MEMBER_EV_READY] = M(HEALTHY, NOTE),
		[MEMBER_EV_DRAIN] = M(DRAINING, NOTE),
		[MEMBER_EV_LEAVE] = M(LEFT, NOTE),
		[MEMBER_EV_EXPIRED] = M(SUSPECT, PROBE),
	},
	[MEMBER_HEALTHY] = {
		[MEMBER_EV_JOIN] = M(JOINING, NOTE),
		[MEMBER_EV_READY] = M(HEALTHY, NONE),
		[MEMBER_EV_DRAIN] = M(DRAINING, NOTE),
		[MEMBER_EV_LEAVE] = M(LEFT, NOTE),
		[MEMBER_EV_EXPIRED] = M(SUSPECT, PROBE),
	},
	[MEMBER_DRAINING] = {
		[MEMBER_EV_JOIN] = M(JOINING, NOTE),
		[MEMBER_EV_READY] = M(HEALTHY, NOTE),
		[MEMBER_EV_DRAIN] = M(DRAINING, NONE),
		[MEMBER_EV_LEAVE] = M(LEFT, NOTE),
		[MEMBER_EV_EXPIRED] = M(SUSPECT, PROBE),
	},
	[MEMBER_SUSPECT] = {
		[MEMBER_EV_JOIN] = M(JOINING, SPARE),
		[MEMBER_EV_READY] = M(HEALTHY, SPARE),
		[MEMBER_EV_DRAIN] = M(DRAINING, SPARE),
		[MEMBER_EV_LEAVE] = M(LEFT, SPARE),
		[MEMBER_EV_EXPIRED] = M(SUSPECT, PROBE),
		[MEMBER_EV_CONFIRMED] = M(DEAD, BURY),
	},
	[MEMBER_DEAD] = {
		[MEMBER_EV_JOIN] = M(JOINING, SPARE),
		[MEMBER_EV_EXPIRED] = M(DEAD, NONE),
		[MEMBER_EV_CONFIRMED] = M(DEAD, NONE),
	},
	[MEMBER_LEFT] = {
		[MEMBER_EV_JOIN] = M(JOINING, NOTE),
		[MEMBER_EV_LEAVE] = M(LEFT, NONE),
		[MEMBER_EV_EXPIRED] = M(LEFT, NONE),
	},
};

static const char *const state_names[MEMBER_STATE_MAX] = {
	[MEMBER_JOINING] = "joining",
	[MEMBER_HEALTHY] = "healthy",
	[MEMBER_DRAINING] = "draining",
	[MEMBER_SUSPECT] = "suspect",
	[MEMBER_DEAD] = "dead",
	[MEMBER_LEFT] = "left",
};

struct member_move
member_fsm_step(enum member_state state, enum member_event event)
{
	const struct cell *cell = &moves[state][event];
	struct member_move move = { state, MEMBER_ACT_UNEXPECTED };

	if (cell->set) {
		move.next = (enum member_state)cell->next;
		move.action = (enum member_action)cell->action;
	}
	return move;
}

bool
member_state_counts(enum member_state state)
{
	return state != MEMBER_DEAD && state != MEMBER_LEFT;
}

const char *
member_state_name(enum member_state state)
{
	return (unsigned)state < MEMBER_STATE_MAX ? state_names[state] :
						    "unknown";
}

int
member_state_parse(const char *word, enum member_state *out_state)
{
	int i;

	for (i = 0; i < MEMBER_STATE_MAX; i++) {
		if (strcmp(word, state_names[i]) == 0) {
			*out_state = (enum member_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *
member_event_name(enum member_event event)
{
	static const char *const names[MEMBER_EVENT_MAX] = {
		[MEMBER_EV_JOIN] = "join",
		[MEMBER_EV_READY] = "ready",
		[MEMBER_EV_DRAIN] = "drain",
		[MEMBER_EV_LEAVE] = "leave",
		[MEMBER_EV_EXPIRED] = "expired",
		[MEMBER_EV_CONFIRMED] = "confirmed",
	};

	return (unsigned)event < MEMBER_EVENT_MAX ? names[event] : "unknown";
}

const char *
member_action_name(enum member_action action)
{
	static const char *const names[MEMBER_ACTION_MAX] = {
		[MEMBER_ACT_NONE] = "none",
		[MEMBER_ACT_UNEXPECTED] = "unexpected",
		[MEMBER_ACT_NOTE] = "note",
		[MEMBER_ACT_PROBE] = "probe",
		[MEMBER_ACT_BURY] = "bury",
		[MEMBER_ACT_SPARE] = "spare",
	};

	return (unsigned)action < MEMBER_ACTION_MAX ? names[action] : "unknown";
}
