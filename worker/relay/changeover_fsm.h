/* SPDX-License-Identifier: ISC */
/*
 * Who takes a message of the node's channel while its relay changes?  The table
 * of it: (state, event) -> (next state, what to do).  Pure;
 * worker/relay/changeover.c does it and says how the two sides work together.
 */
#ifndef HOLDFAST_RELAY_CHANGEOVER_FSM_H
#define HOLDFAST_RELAY_CHANGEOVER_FSM_H

#include <stdint.h>

enum changeover_state {
	CHANGEOVER_NONE,    /* all is taken as it comes */
	CHANGEOVER_BESIDE,  /* taker: the slot is another's; no mark heard */
	CHANGEOVER_QUEUES,  /* taker: the same, and a mark was */
	CHANGEOVER_BEHIND,  /* taker: serves, but the mark is still to come */
	CHANGEOVER_DUE,	    /* giver: behind, and told to give */
	CHANGEOVER_EXPECTS, /* giver: takes all until there is a mark */
	CHANGEOVER_PARTED,  /* giver: holds all, for the case that it stays */
	CHANGEOVER_STATES
};

enum changeover_event {
	CHANGEOVER_MARK,   /* one that counts in this state was heard */
	CHANGEOVER_LINKED, /* the subscription, or the link for marks, is up */
	CHANGEOVER_CUT,	   /* the subscription is gone */
	CHANGEOVER_TIME,   /* for another mark, or the deadline for one */
	/* The slot is ours, and of the mark where the giver has ended: */
	CHANGEOVER_SERVE_HEARD,	  /* it is in the queue */
	CHANGEOVER_SERVE_UNHEARD, /* it has not come yet */
	CHANGEOVER_SERVE_BLIND,	  /* there is none */
	/* The slot is to be given away, and the channel is: */
	CHANGEOVER_GIVE_HEARING,
	CHANGEOVER_GIVE_DEAF,
	CHANGEOVER_END,	 /* there is no time for a mark any more */
	CHANGEOVER_KEEP, /* the slot could not be given */
	CHANGEOVER_EVENTS
};

enum changeover_act {
	CHANGEOVER_IGNORE,
	CHANGEOVER_MOVE,    /* to the next state, no more */
	CHANGEOVER_PUBLISH, /* a mark, and another one later */
	CHANGEOVER_BEGIN,   /* deliver what is queued behind the mark */
	CHANGEOVER_AWAIT,   /* drop what is queued: the mark is to come */
	CHANGEOVER_ANEW,    /* drop what is queued, and subscribe anew */
	CHANGEOVER_WRITE,   /* down where this relay has ended */
	CHANGEOVER_PLAY,    /* it has not: deliver what is held */
};

struct changeover_move {
	enum changeover_state next;
	enum changeover_act act;
};

/* What becomes of a message that is published now. */
enum changeover_fate {
	CHANGEOVER_TAKE,
	CHANGEOVER_QUEUE,
	CHANGEOVER_SKIP,
	CHANGEOVER_HOLD,
};

struct changeover_move changeover_fsm_next(enum changeover_state,
    enum changeover_event);
enum changeover_fate changeover_fsm_fate(enum changeover_state);

/* The event of serving: mark is where the giver has ended, heard is the last
 * one that is in the queue; 0: none. */
enum changeover_event changeover_fsm_serve(uint32_t mark, uint32_t heard);

#endif
