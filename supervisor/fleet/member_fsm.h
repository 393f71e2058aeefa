/* SPDX-License-Identifier: ISC */
/*
 * The life of a member of the fleet as its leader sees it: a [STATE][EVENT]
 * table of next state and action.  Pure.  What a node says of itself arrives
 * with its lease (JOIN, READY, DRAIN, LEAVE); what it no longer says, the
 * leader concludes.
 */
#ifndef HOLDFAST_FLEET_MEMBER_FSM_H
#define HOLDFAST_FLEET_MEMBER_FSM_H

#include <stdbool.h>

enum member_state {
	MEMBER_JOINING, /* purges what its earlier incarnation left */
	MEMBER_HEALTHY,
	MEMBER_DRAINING,
	MEMBER_SUSPECT, /* lease expired, death not confirmed: routes stay */
	MEMBER_DEAD,	/* confirmed: its routes are purged */
	MEMBER_LEFT,	/* said goodbye */
	MEMBER_STATE_MAX
};

enum member_event {
	MEMBER_EV_JOIN,	     /* a live lease that says joining */
	MEMBER_EV_READY,     /* ... healthy */
	MEMBER_EV_DRAIN,     /* ... draining */
	MEMBER_EV_LEAVE,     /* ... left */
	MEMBER_EV_EXPIRED,   /* the lease is over */
	MEMBER_EV_CONFIRMED, /* and nobody answers on its peer port */
	MEMBER_EVENT_MAX
};

enum member_action {
	MEMBER_ACT_NONE,
	MEMBER_ACT_UNEXPECTED, /* cannot be, or too late: ignore */
	MEMBER_ACT_NOTE,       /* a change worth an event */
	MEMBER_ACT_PROBE,      /* ask its peer port, ask observers */
	MEMBER_ACT_BURY,       /* mark dead, announce the storm, purge */
	MEMBER_ACT_SPARE,      /* it lives: stop to probe or to purge */
	MEMBER_ACTION_MAX
};

struct member_move {
	enum member_state next;
	enum member_action action;
};

struct member_move member_fsm_step(enum member_state state,
    enum member_event event);

/* Does it take part in limits and budgets? */
bool member_state_counts(enum member_state state);

/* Lower case, as in the lease. */
const char *member_state_name(enum member_state state);
/* -EINVAL for a word that is none. */
int member_state_parse(const char *word, enum member_state *out_state);
const char *member_event_name(enum member_event event);
const char *member_action_name(enum member_action action);

#endif
