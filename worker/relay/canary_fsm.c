/* SPDX-License-Identifier: ISC */
/*
 * The table of a path (see canary_fsm.h).  Cells that are not written change
 * nothing.
 */
#include "worker/relay/canary_fsm.h"

static const struct canary_move table[SLOT_HEARING_MAX][CANARY_EVENTS] = {
	[SLOT_HEARS] = {
		[CANARY_QUIET] = { SLOT_HEARING_TRIED, CANARY_SEND },
		[CANARY_HEARD] = { SLOT_HEARS, CANARY_NOTE },
		[CANARY_EXCUSED] = { SLOT_HEARS, CANARY_NOTE },
	},
	[SLOT_HEARING_TRIED] = {
		[CANARY_HEARD] = { SLOT_HEARS, CANARY_NOTE },
		[CANARY_EXCUSED] = { SLOT_HEARS, CANARY_NOTE },
		[CANARY_LINKED] = { SLOT_HEARING_TRIED, CANARY_SEND },
		[CANARY_EXPIRED] = { SLOT_HEARING_RENEWED, CANARY_RENEW },
	},
	[SLOT_HEARING_RENEWED] = {
		[CANARY_HEARD] = { SLOT_HEARS, CANARY_NOTE },
		[CANARY_EXCUSED] = { SLOT_HEARS, CANARY_NOTE },
		[CANARY_LINKED] = { SLOT_HEARING_RENEWED, CANARY_SEND },
		[CANARY_EXPIRED] = { SLOT_DEAF, CANARY_DEAFEN },
	},
	/* An excuse is no cure. */
	[SLOT_DEAF] = {
		[CANARY_HEARD] = { SLOT_HEARS, CANARY_CURE },
		[CANARY_LINKED] = { SLOT_DEAF, CANARY_SEND },
		[CANARY_EXPIRED] = { SLOT_DEAF, CANARY_RENEW },
	},
};

struct canary_move
canary_fsm_next(enum slot_hearing hearing, enum canary_event event)
{
	struct canary_move move = { hearing, CANARY_IGNORE };

	if (hearing < SLOT_HEARING_MAX && event < CANARY_EVENTS &&
	    table[hearing][event].act != CANARY_IGNORE)
		move = table[hearing][event];
	return move;
}

enum canary_event
canary_fsm_time(enum slot_hearing hearing, uint64_t spent_ms,
    uint64_t interval_ms, uint64_t deaf_after_ms)
{
	if (hearing == SLOT_HEARS)
		return spent_ms >= interval_ms ? CANARY_QUIET : CANARY_NOTHING;
	return spent_ms >= deaf_after_ms ? CANARY_EXPIRED : CANARY_NOTHING;
}
