/* SPDX-License-Identifier: ISC */
/*
 * The state machine of an upgrade (see upgrade_fsm.h).  A cell that is not
 * written out is an event that cannot happen in that state, or one that comes
 * too late to matter.
 */
#include "supervisor/upgrade/upgrade_fsm.h"

/* `set` tells a written cell from an empty one, whose next state reads 0. */
struct cell {
	unsigned char set;
	unsigned char next;
	unsigned char action;
};

#define M(next, action)                                                        \
	{                                                                      \
		1, UPGRADE_##next, UPGRADE_ACT_##action                        \
	}

static const struct cell moves[UPGRADE_STATE_MAX][UPGRADE_EVENT_MAX] = {
	[UPGRADE_IDLE] = {
		[UPGRADE_EV_START] = M(CHECKING, CHECK),
		[UPGRADE_EV_STOP] = M(IDLE, NONE),
	},
	[UPGRADE_CHECKING] = {
		[UPGRADE_EV_START] = M(CHECKING, BUSY),
		[UPGRADE_EV_CHECKED] = M(PREPARING, SPAWN),
		/* Its exit code was not 0, or it could not be run: it is
		 * gone already. */
		[UPGRADE_EV_FAILED] = M(IDLE, REFUSE),
		[UPGRADE_EV_TIMEOUT] = M(ABORTING, KILL),
		[UPGRADE_EV_STOP] = M(ABORTING, KILL),
	},
	[UPGRADE_PREPARING] = {
		[UPGRADE_EV_START] = M(PREPARING, BUSY),
		[UPGRADE_EV_READY] = M(ASIDE, LET_GO),
		[UPGRADE_EV_FAILED] = M(ABORTING, KILL),
		[UPGRADE_EV_BROKEN] = M(ABORTING, KILL),
		[UPGRADE_EV_GONE] = M(IDLE, REFUSE),
		[UPGRADE_EV_TIMEOUT] = M(ABORTING, KILL),
		[UPGRADE_EV_STOP] = M(ABORTING, KILL),
	},
	[UPGRADE_ABORTING] = {
		[UPGRADE_EV_START] = M(ABORTING, BUSY),
		[UPGRADE_EV_FAILED] = M(ABORTING, NONE),
		[UPGRADE_EV_BROKEN] = M(ABORTING, NONE),
		[UPGRADE_EV_GONE] = M(IDLE, REFUSE),
		[UPGRADE_EV_TIMEOUT] = M(ABORTING, KILL),
		[UPGRADE_EV_STOP] = M(ABORTING, NONE),
	},
	[UPGRADE_ASIDE] = {
		[UPGRADE_EV_START] = M(ASIDE, BUSY),
		[UPGRADE_EV_LET_GO] = M(ADOPTING, GO),
		[UPGRADE_EV_FAILED] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_BROKEN] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_GONE] = M(TAKING_BACK, TAKE_BACK),
		[UPGRADE_EV_TIMEOUT] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_STOP] = M(LEAVING, FORWARD),
	},
	[UPGRADE_ADOPTING] = {
		[UPGRADE_EV_START] = M(ADOPTING, BUSY),
		[UPGRADE_EV_ADOPTED] = M(MOVING, PROGRESS),
		[UPGRADE_EV_FAILED] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_BROKEN] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_GONE] = M(TAKING_BACK, TAKE_BACK),
		[UPGRADE_EV_TIMEOUT] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_STOP] = M(LEAVING, FORWARD),
	},
	[UPGRADE_MOVING] = {
		[UPGRADE_EV_START] = M(MOVING, BUSY),
		[UPGRADE_EV_MOVED] = M(MOVING, PROGRESS),
		[UPGRADE_EV_DONE] = M(FINISHED, FINISH),
		[UPGRADE_EV_FAILED] = M(RETURNING, PROGRESS),
		[UPGRADE_EV_BROKEN] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_GONE] = M(TAKING_BACK, TAKE_BACK),
		[UPGRADE_EV_TIMEOUT] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_STOP] = M(LEAVING, FORWARD),
	},
	[UPGRADE_RETURNING] = {
		[UPGRADE_EV_START] = M(RETURNING, BUSY),
		[UPGRADE_EV_MOVED] = M(RETURNING, PROGRESS),
		[UPGRADE_EV_RETURNED] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_FAILED] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_BROKEN] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_GONE] = M(TAKING_BACK, TAKE_BACK),
		[UPGRADE_EV_TIMEOUT] = M(ROLLING_BACK, KILL),
		[UPGRADE_EV_STOP] = M(LEAVING, FORWARD),
	},
	[UPGRADE_ROLLING_BACK] = {
		[UPGRADE_EV_START] = M(ROLLING_BACK, BUSY),
		[UPGRADE_EV_FAILED] = M(ROLLING_BACK, NONE),
		[UPGRADE_EV_BROKEN] = M(ROLLING_BACK, NONE),
		[UPGRADE_EV_GONE] = M(TAKING_BACK, TAKE_BACK),
		[UPGRADE_EV_TIMEOUT] = M(ROLLING_BACK, KILL),
		/* The signal comes again when somebody is there to obey. */
		[UPGRADE_EV_STOP] = M(ROLLING_BACK, NONE),
	},
	[UPGRADE_TAKING_BACK] = {
		[UPGRADE_EV_START] = M(TAKING_BACK, BUSY),
		[UPGRADE_EV_STOP] = M(TAKING_BACK, NONE),
	},
	[UPGRADE_LEAVING] = {
		[UPGRADE_EV_START] = M(LEAVING, BUSY),
		[UPGRADE_EV_ADOPTED] = M(LEAVING, NONE),
		[UPGRADE_EV_MOVED] = M(LEAVING, NONE),
		[UPGRADE_EV_FAILED] = M(LEAVING, NONE),
		[UPGRADE_EV_RETURNED] = M(LEAVING, NONE),
		[UPGRADE_EV_BROKEN] = M(LEAVING, NONE),
		[UPGRADE_EV_DONE] = M(FINISHED, FINISH),
		[UPGRADE_EV_GONE] = M(FINISHED, FINISH),
		[UPGRADE_EV_STOP] = M(LEAVING, FORWARD),
	},
	[UPGRADE_FINISHED] = {
		[UPGRADE_EV_START] = M(FINISHED, BUSY),
		[UPGRADE_EV_BROKEN] = M(FINISHED, NONE),
		[UPGRADE_EV_GONE] = M(FINISHED, NONE),
		[UPGRADE_EV_STOP] = M(FINISHED, FORWARD),
	},
};

#undef M

struct upgrade_move
upgrade_fsm_step(enum upgrade_state state, enum upgrade_event event)
{
	struct upgrade_move move = { state, UPGRADE_ACT_UNEXPECTED };
	const struct cell *cell;

	if ((unsigned)state >= UPGRADE_STATE_MAX ||
	    (unsigned)event >= UPGRADE_EVENT_MAX)
		return move;
	cell = &moves[state][event];
	if (cell->set) {
		move.next = (enum upgrade_state)cell->next;
		move.action = (enum upgrade_action)cell->action;
	}
	return move;
}

struct state_info {
	const char *name;
	unsigned deadline_ms;
	bool is_aside;
};

static const struct state_info states[UPGRADE_STATE_MAX] = {
	[UPGRADE_IDLE] = { "idle", 0, false },
	[UPGRADE_CHECKING] = { "checking", 10000, false },
	[UPGRADE_PREPARING] = { "preparing", 10000, false },
	[UPGRADE_ABORTING] = { "aborting", 2000, false },
	[UPGRADE_ASIDE] = { "stepping_aside", 2000, true },
	[UPGRADE_ADOPTING] = { "adopting", 20000, true },
	/* Anew with each slot, which may need more than one try. */
	[UPGRADE_MOVING] = { "moving", 90000, true },
	[UPGRADE_RETURNING] = { "returning", 90000, true },
	[UPGRADE_ROLLING_BACK] = { "rolling_back", 2000, true },
	[UPGRADE_TAKING_BACK] = { "taking_back", 0, true },
	[UPGRADE_LEAVING] = { "leaving", 0, true },
	[UPGRADE_FINISHED] = { "finished", 0, true },
};

unsigned
upgrade_fsm_deadline_ms(enum upgrade_state state)
{
	return (unsigned)state < UPGRADE_STATE_MAX ? states[state].deadline_ms :
						     0;
}

bool
upgrade_fsm_is_aside(enum upgrade_state state)
{
	return (unsigned)state < UPGRADE_STATE_MAX && states[state].is_aside;
}

const char *
upgrade_state_name(enum upgrade_state state)
{
	return (unsigned)state < UPGRADE_STATE_MAX ? states[state].name : "?";
}

static const char *const event_names[UPGRADE_EVENT_MAX] = {
	[UPGRADE_EV_START] = "start",
	[UPGRADE_EV_CHECKED] = "checked",
	[UPGRADE_EV_READY] = "ready",
	[UPGRADE_EV_LET_GO] = "let_go",
	[UPGRADE_EV_ADOPTED] = "adopted",
	[UPGRADE_EV_MOVED] = "moved",
	[UPGRADE_EV_DONE] = "done",
	[UPGRADE_EV_FAILED] = "failed",
	[UPGRADE_EV_RETURNED] = "returned",
	[UPGRADE_EV_BROKEN] = "broken",
	[UPGRADE_EV_GONE] = "gone",
	[UPGRADE_EV_TIMEOUT] = "timeout",
	[UPGRADE_EV_STOP] = "stop",
};

const char *
upgrade_event_name(enum upgrade_event event)
{
	return (unsigned)event < UPGRADE_EVENT_MAX ? event_names[event] : "?";
}

static const char *const action_names[UPGRADE_ACTION_MAX] = {
	[UPGRADE_ACT_NONE] = "none",
	[UPGRADE_ACT_UNEXPECTED] = "unexpected",
	[UPGRADE_ACT_BUSY] = "busy",
	[UPGRADE_ACT_CHECK] = "check",
	[UPGRADE_ACT_SPAWN] = "spawn",
	[UPGRADE_ACT_KILL] = "kill",
	[UPGRADE_ACT_REFUSE] = "refuse",
	[UPGRADE_ACT_LET_GO] = "let_go",
	[UPGRADE_ACT_GO] = "go",
	[UPGRADE_ACT_PROGRESS] = "progress",
	[UPGRADE_ACT_TAKE_BACK] = "take_back",
	[UPGRADE_ACT_FORWARD] = "forward",
	[UPGRADE_ACT_FINISH] = "finish",
};

const char *
upgrade_action_name(enum upgrade_action action)
{
	return (unsigned)action < UPGRADE_ACTION_MAX ? action_names[action] :
						       "?";
}
