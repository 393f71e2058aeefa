/* SPDX-License-Identifier: ISC */
/*
 * The table of a link's life (see redis_link_fsm.h).  A cell that is not
 * written is an event that comes late: it changes nothing.
 */
#include "lib/redis_link_fsm.h"

#define S(state) REDIS_LINK_##state
#define E(event) REDIS_LINK_EV_##event

static const struct redis_link_move
    table[REDIS_LINK_STATES][REDIS_LINK_EVENTS] = {
	[S(STOPPED)] = {
		[E(START)] = { S(RESOLVING), REDIS_LINK_DO_RESOLVE },
	},
	[S(RESOLVING)] = {
		[E(RESOLVED)] = { S(CONNECTING), REDIS_LINK_DO_CONNECT },
		[E(FAILED)] = { S(WAITING), REDIS_LINK_DO_PAUSE },
		[E(STOP)] = { S(STOPPED), REDIS_LINK_DO_DROP },
	},
	[S(CONNECTING)] = {
		[E(CONNECTED)] = { S(GREETING), REDIS_LINK_DO_GREET },
		[E(FAILED)] = { S(WAITING), REDIS_LINK_DO_PAUSE },
		[E(STOP)] = { S(STOPPED), REDIS_LINK_DO_DROP },
	},
	[S(GREETING)] = {
		[E(GREETED)] = { S(READY), REDIS_LINK_DO_UP },
		[E(FAILED)] = { S(WAITING), REDIS_LINK_DO_PAUSE },
		[E(STOP)] = { S(STOPPED), REDIS_LINK_DO_DROP },
	},
	[S(READY)] = {
		[E(FAILED)] = { S(WAITING), REDIS_LINK_DO_DOWN },
		[E(STOP)] = { S(STOPPED), REDIS_LINK_DO_DROP },
	},
	[S(WAITING)] = {
		[E(RETRY)] = { S(RESOLVING), REDIS_LINK_DO_RESOLVE },
		[E(STOP)] = { S(STOPPED), REDIS_LINK_DO_DROP },
	},
};

struct redis_link_move
redis_link_fsm_next(enum redis_link_state state, enum redis_link_event event)
{
	struct redis_link_move move = { state, REDIS_LINK_IGNORE };

	if (state < REDIS_LINK_STATES && event < REDIS_LINK_EVENTS &&
	    table[state][event].act != REDIS_LINK_IGNORE)
		move = table[state][event];
	return move;
}

const char *
redis_link_state_name(enum redis_link_state state)
{
	static const char *const names[REDIS_LINK_STATES] = {
		[REDIS_LINK_STOPPED] = "stopped",
		[REDIS_LINK_RESOLVING] = "resolving",
		[REDIS_LINK_CONNECTING] = "connecting",
		[REDIS_LINK_GREETING] = "greeting",
		[REDIS_LINK_READY] = "ready",
		[REDIS_LINK_WAITING] = "waiting",
	};

	return state < REDIS_LINK_STATES ? names[state] : "invalid";
}
