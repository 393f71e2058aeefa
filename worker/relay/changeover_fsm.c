/* SPDX-License-Identifier: ISC */
/*
 * The table of a changeover (see changeover_fsm.h).  Cells that are not written
 * change nothing.
 */
#include "worker/relay/changeover_fsm.h"

#define M(next, act)                                                           \
	{                                                                      \
		CHANGEOVER_##next, CHANGEOVER_##act                            \
	}

static const struct changeover_move
    moves[CHANGEOVER_STATES][CHANGEOVER_EVENTS] = {
	[CHANGEOVER_NONE] = {
		[CHANGEOVER_GIVE_HEARING] = M(EXPECTS, MOVE),
		[CHANGEOVER_GIVE_DEAF] = M(PARTED, MOVE),
	},
	[CHANGEOVER_BESIDE] = {
		[CHANGEOVER_MARK] = M(QUEUES, MOVE),
		[CHANGEOVER_LINKED] = M(BESIDE, PUBLISH),
		[CHANGEOVER_TIME] = M(BESIDE, PUBLISH),
		[CHANGEOVER_SERVE_HEARD] = M(NONE, BEGIN),
		[CHANGEOVER_SERVE_UNHEARD] = M(BEHIND, AWAIT),
		[CHANGEOVER_SERVE_BLIND] = M(NONE, ANEW),
	},
	[CHANGEOVER_QUEUES] = {
		[CHANGEOVER_LINKED] = M(QUEUES, PUBLISH),
		[CHANGEOVER_TIME] = M(QUEUES, PUBLISH),
		[CHANGEOVER_SERVE_HEARD] = M(NONE, BEGIN),
		[CHANGEOVER_SERVE_UNHEARD] = M(BEHIND, AWAIT),
		[CHANGEOVER_SERVE_BLIND] = M(NONE, ANEW),
	},
	/* What comes by another subscription nobody else has taken. */
	[CHANGEOVER_BEHIND] = {
		[CHANGEOVER_MARK] = M(NONE, MOVE),
		[CHANGEOVER_CUT] = M(NONE, MOVE),
		[CHANGEOVER_TIME] = M(NONE, ANEW),
		[CHANGEOVER_GIVE_HEARING] = M(DUE, MOVE),
		[CHANGEOVER_GIVE_DEAF] = M(PARTED, MOVE),
	},
	/* A mark of the next taker would come before what is its own. */
	[CHANGEOVER_DUE] = {
		[CHANGEOVER_MARK] = M(EXPECTS, MOVE),
		[CHANGEOVER_CUT] = M(PARTED, MOVE),
		[CHANGEOVER_TIME] = M(PARTED, ANEW),
		[CHANGEOVER_GIVE_DEAF] = M(PARTED, MOVE),
		[CHANGEOVER_END] = M(PARTED, ANEW),
		[CHANGEOVER_KEEP] = M(BEHIND, MOVE),
	},
	[CHANGEOVER_EXPECTS] = {
		[CHANGEOVER_MARK] = M(PARTED, WRITE),
		[CHANGEOVER_CUT] = M(PARTED, MOVE),
		[CHANGEOVER_GIVE_DEAF] = M(PARTED, MOVE),
		[CHANGEOVER_END] = M(PARTED, MOVE),
		[CHANGEOVER_KEEP] = M(NONE, MOVE),
	},
	/* Another order: the taker of the one before is gone. */
	[CHANGEOVER_PARTED] = {
		[CHANGEOVER_GIVE_HEARING] = M(EXPECTS, PLAY),
		[CHANGEOVER_KEEP] = M(NONE, PLAY),
	},
};

static const enum changeover_fate fates[CHANGEOVER_STATES] = {
	[CHANGEOVER_NONE] = CHANGEOVER_TAKE,
	[CHANGEOVER_BESIDE] = CHANGEOVER_SKIP,
	[CHANGEOVER_QUEUES] = CHANGEOVER_QUEUE,
	[CHANGEOVER_BEHIND] = CHANGEOVER_SKIP,
	[CHANGEOVER_DUE] = CHANGEOVER_SKIP,
	[CHANGEOVER_EXPECTS] = CHANGEOVER_TAKE,
	[CHANGEOVER_PARTED] = CHANGEOVER_HOLD,
};

struct changeover_move
changeover_fsm_next(enum changeover_state state, enum changeover_event event)
{
	const struct changeover_move stay = { state, CHANGEOVER_IGNORE };

	return moves[state][event].act == CHANGEOVER_IGNORE ?
	    stay :
	    moves[state][event];
}

enum changeover_fate
changeover_fsm_fate(enum changeover_state state)
{
	return fates[state];
}

enum changeover_event
changeover_fsm_serve(uint32_t mark, uint32_t heard)
{
	if (mark == 0)
		return CHANGEOVER_SERVE_BLIND;
	return heard >= mark ? CHANGEOVER_SERVE_HEARD :
			       CHANGEOVER_SERVE_UNHEARD;
}
