/* SPDX-License-Identifier: ISC */
/*
 * The slot's state machine (see slot_fsm.h).  A cell that is not written out
 * is an event that cannot happen in that state, or one that comes too late to
 * matter: the state stays and the action says that it was unexpected.
 */
#include "supervisor/slot/slot_fsm.h"

/* `set` tells a written cell from an empty one, whose next state reads 0. */
struct cell {
	unsigned char set;
	unsigned char next;
	unsigned char action;
};

#define M(next, action)                                                        \
	{                                                                      \
		1, SLOT_##next, SLOT_ACT_##action                              \
	}

static const struct cell moves[SLOT_STATE_MAX][SLOT_EVENT_MAX] = {
	[SLOT_DOWN] = {
		[SLOT_EV_START] = M(STARTING, SPAWN),
		[SLOT_EV_STOP] = M(STOPPED, STOPPED),
		[SLOT_EV_FOUND] = M(AWAITED, AWAIT),
	},
	[SLOT_STARTING] = {
		[SLOT_EV_HELLO] = M(HANDSHAKING, SETUP),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(DYING, KILL),
		[SLOT_EV_TIMEOUT] = M(DYING, KILL),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_HANDSHAKING] = {
		[SLOT_EV_TENANT_STARTED] = M(ADOPTING, WATCH),
		[SLOT_EV_SERVING] = M(SERVING, UP),
		[SLOT_EV_TENANT_EXITED] = M(BACKOFF, DEATH),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(DYING, KILL),
		[SLOT_EV_TIMEOUT] = M(DYING, KILL),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_ADOPTING] = {
		[SLOT_EV_TENANT_STARTED] = M(ADOPTING, WATCH),
		[SLOT_EV_SERVING] = M(SERVING, UP),
		[SLOT_EV_TENANT_EXITED] = M(BACKOFF, DEATH),
		[SLOT_EV_STALL] = M(STALLED, ABORT),
		[SLOT_EV_CRASHES] = M(DYING, KILL),
		[SLOT_EV_DRAINED] = M(ADOPTING, NONE),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(ADOPTING, NONE),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_SERVING] = {
		[SLOT_EV_TENANT_STARTED] = M(ADOPTING, WATCH),
		[SLOT_EV_SERVING] = M(SERVING, UP),
		[SLOT_EV_TENANT_EXITED] = M(BACKOFF, DEATH),
		[SLOT_EV_STALL] = M(STALLED, ABORT),
		[SLOT_EV_CRASHES] = M(EVACUATING, EVACUATE),
		[SLOT_EV_DRAINED] = M(SERVING, NONE),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(SERVING, NONE),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_BACKOFF] = {
		[SLOT_EV_TENANT_STARTED] = M(ADOPTING, WATCH),
		[SLOT_EV_SERVING] = M(SERVING, UP),
		[SLOT_EV_TENANT_EXITED] = M(BACKOFF, DEATH),
		[SLOT_EV_STALL] = M(BACKOFF, NONE),
		[SLOT_EV_CRASHES] = M(DYING, KILL),
		[SLOT_EV_DRAINED] = M(BACKOFF, NONE),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(BACKOFF, NONE),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_STALLED] = {
		[SLOT_EV_TENANT_STARTED] = M(ADOPTING, WATCH),
		[SLOT_EV_SERVING] = M(SERVING, UP),
		[SLOT_EV_TENANT_EXITED] = M(BACKOFF, DEATH),
		[SLOT_EV_STALL] = M(STALLED, NONE),
		[SLOT_EV_CRASHES] = M(DYING, KILL),
		[SLOT_EV_DRAINED] = M(STALLED, NONE),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(STALLED, NONE),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_EVACUATING] = {
		[SLOT_EV_TENANT_STARTED] = M(EVACUATING, WATCH),
		[SLOT_EV_SERVING] = M(EVACUATING, EVACUATE),
		[SLOT_EV_TENANT_EXITED] = M(EVACUATING, DEATH),
		[SLOT_EV_STALL] = M(EVACUATING, ABORT),
		[SLOT_EV_CRASHES] = M(DYING, KILL),
		[SLOT_EV_DRAINED] = M(DYING, STOP),
		[SLOT_EV_KEEPER_LOST] = M(KEEPER_LOST, LOST),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(EVACUATING, NONE),
		[SLOT_EV_TIMEOUT] = M(DYING, KILL),
		[SLOT_EV_STOP] = M(STOPPING, STOP),
	},
	[SLOT_KEEPER_LOST] = {
		[SLOT_EV_TENANT_STARTED] = M(KEEPER_LOST, NONE),
		[SLOT_EV_SERVING] = M(KEEPER_LOST, NONE),
		[SLOT_EV_TENANT_EXITED] = M(KEEPER_LOST, NONE),
		[SLOT_EV_STALL] = M(KEEPER_LOST, ABORT),
		[SLOT_EV_CRASHES] = M(KEEPER_LOST, NONE),
		[SLOT_EV_DRAINED] = M(KEEPER_LOST, NONE),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(KEEPER_LOST, NONE),
		[SLOT_EV_TIMEOUT] = M(KEEPER_LOST, REPLACE),
		[SLOT_EV_STOP] = M(STOPPING, KILL),
	},
	[SLOT_DYING] = {
		[SLOT_EV_HELLO] = M(DYING, NONE),
		[SLOT_EV_TENANT_STARTED] = M(DYING, NONE),
		[SLOT_EV_SERVING] = M(DYING, NONE),
		[SLOT_EV_TENANT_EXITED] = M(DYING, NONE),
		[SLOT_EV_STALL] = M(DYING, NONE),
		[SLOT_EV_CRASHES] = M(DYING, NONE),
		[SLOT_EV_DRAINED] = M(DYING, NONE),
		[SLOT_EV_KEEPER_LOST] = M(DYING, KILL),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(DYING, NONE),
		[SLOT_EV_TIMEOUT] = M(DYING, KILL),
		[SLOT_EV_STOP] = M(STOPPING, KILL),
	},
	[SLOT_WAITING] = {
		[SLOT_EV_START] = M(STARTING, SPAWN),
		[SLOT_EV_TIMEOUT] = M(STARTING, SPAWN),
		[SLOT_EV_STOP] = M(STOPPED, STOPPED),
	},
	[SLOT_STOPPING] = {
		[SLOT_EV_HELLO] = M(STOPPING, NONE),
		[SLOT_EV_TENANT_STARTED] = M(STOPPING, NONE),
		[SLOT_EV_SERVING] = M(STOPPING, NONE),
		[SLOT_EV_TENANT_EXITED] = M(STOPPING, NONE),
		[SLOT_EV_STALL] = M(STOPPING, NONE),
		[SLOT_EV_CRASHES] = M(STOPPING, NONE),
		[SLOT_EV_DRAINED] = M(STOPPING, NONE),
		[SLOT_EV_KEEPER_LOST] = M(STOPPING, KILL),
		[SLOT_EV_GONE] = M(STOPPED, STOPPED),
		[SLOT_EV_BROKEN] = M(STOPPING, NONE),
		[SLOT_EV_TIMEOUT] = M(STOPPING, KILL),
		[SLOT_EV_STOP] = M(STOPPING, KILL),
	},
	[SLOT_STOPPED] = {
		[SLOT_EV_STOP] = M(STOPPED, NONE),
	},
	[SLOT_AWAITED] = {
		[SLOT_EV_TENANT_STARTED] = M(ADOPTING, WATCH),
		[SLOT_EV_SERVING] = M(SERVING, UP),
		[SLOT_EV_KEEPER_LOST] = M(AWAITED, NONE),
		[SLOT_EV_GONE] = M(WAITING, RENEW),
		[SLOT_EV_BROKEN] = M(DYING, KILL),
		[SLOT_EV_TIMEOUT] = M(AWAITED, PROD),
		[SLOT_EV_STOP] = M(STOPPING, KILL),
	},
};

struct slot_move
slot_fsm_step(enum slot_state state, enum slot_event event)
{
	const struct cell *cell = &moves[state][event];
	struct slot_move move = { state, SLOT_ACT_UNEXPECTED };

	if (cell->set) {
		move.next = (enum slot_state)cell->next;
		move.action = (enum slot_action)cell->action;
	}
	return move;
}

const char *
slot_state_name(enum slot_state state)
{
	static const char *const names[SLOT_STATE_MAX] = {
		[SLOT_DOWN] = "down",
		[SLOT_STARTING] = "starting",
		[SLOT_HANDSHAKING] = "handshaking",
		[SLOT_ADOPTING] = "adopting",
		[SLOT_SERVING] = "serving",
		[SLOT_BACKOFF] = "backoff",
		[SLOT_STALLED] = "stalled",
		[SLOT_EVACUATING] = "evacuating",
		[SLOT_KEEPER_LOST] = "keeper_lost",
		[SLOT_DYING] = "dying",
		[SLOT_WAITING] = "waiting",
		[SLOT_STOPPING] = "stopping",
		[SLOT_STOPPED] = "stopped",
		[SLOT_AWAITED] = "awaited",
	};

	return (unsigned)state < SLOT_STATE_MAX ? names[state] : "unknown";
}

const char *
slot_event_name(enum slot_event event)
{
	static const char *const names[SLOT_EVENT_MAX] = {
		[SLOT_EV_START] = "start",
		[SLOT_EV_HELLO] = "hello",
		[SLOT_EV_TENANT_STARTED] = "tenant_started",
		[SLOT_EV_SERVING] = "serving",
		[SLOT_EV_TENANT_EXITED] = "tenant_exited",
		[SLOT_EV_STALL] = "stall",
		[SLOT_EV_CRASHES] = "crashes",
		[SLOT_EV_DRAINED] = "drained",
		[SLOT_EV_KEEPER_LOST] = "keeper_lost",
		[SLOT_EV_GONE] = "gone",
		[SLOT_EV_BROKEN] = "broken",
		[SLOT_EV_TIMEOUT] = "timeout",
		[SLOT_EV_STOP] = "stop",
		[SLOT_EV_FOUND] = "found",
	};

	return (unsigned)event < SLOT_EVENT_MAX ? names[event] : "unknown";
}

const char *
slot_action_name(enum slot_action action)
{
	static const char *const names[SLOT_ACTION_MAX] = {
		[SLOT_ACT_NONE] = "none",
		[SLOT_ACT_UNEXPECTED] = "unexpected",
		[SLOT_ACT_SPAWN] = "spawn",
		[SLOT_ACT_SETUP] = "setup",
		[SLOT_ACT_WATCH] = "watch",
		[SLOT_ACT_UP] = "up",
		[SLOT_ACT_DEATH] = "death",
		[SLOT_ACT_ABORT] = "abort",
		[SLOT_ACT_EVACUATE] = "evacuate",
		[SLOT_ACT_LOST] = "lost",
		[SLOT_ACT_REPLACE] = "replace",
		[SLOT_ACT_STOP] = "stop",
		[SLOT_ACT_KILL] = "kill",
		[SLOT_ACT_RENEW] = "renew",
		[SLOT_ACT_STOPPED] = "stopped",
		[SLOT_ACT_AWAIT] = "await",
		[SLOT_ACT_PROD] = "prod",
	};

	return (unsigned)action < SLOT_ACTION_MAX ? names[action] : "unknown";
}
