/* SPDX-License-Identifier: ISC */
/*
 * How the node's channel is heard without a gap and without an echo while its
 * relay is replaced by way of a handoff.  The one that is to take the slot
 * subscribes while the other one still serves, and publishes marks on the
 * channel, numbered and under a token of its own.  Redis gives both the same
 * messages in the same order.  The one that gives ends at the first mark that
 * it hears after it was told to give, and writes down which it was; the one
 * that takes begins behind that mark.  What comes behind it the giver holds
 * until it knows whose the slot is: it dies with it, or stays and delivers it.
 * Without a mark (Redis is away, somebody died, the deadline) what comes in
 * between is lost and nothing comes twice: the taker then drops what it has and
 * subscribes anew.
 */
#ifndef HOLDFAST_RELAY_CHANGEOVER_H
#define HOLDFAST_RELAY_CHANGEOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "worker/relay/changeover_fsm.h"

struct relay;
struct redis_link;

struct changeover {
	struct relay *relay; /* borrowed */
	enum changeover_state state;
	struct redis_link *link; /* owned; beside: publishes marks */
	struct event *tick;	 /* owned; the next mark, then the deadline */
	uint64_t token;		 /* of the last taker that is known */
	uint32_t sent;		 /* marks */
	uint32_t heard;		 /* the last mark in the queue; 0: none */
	uint32_t mark;		 /* where the giver has ended; 0: nowhere */
	uint64_t missed;	 /* messages for which a queue had no room */
	uint64_t cut;		 /* that gave way in front of the queue */
};

/* Beside the relay that still serves. */
void changeover_stand_by(struct changeover *, struct relay *);
/* The slot is ours, and everything is started. */
void changeover_serve(struct changeover *, struct relay *);

/* The slot is to be given away. */
void changeover_part(struct changeover *);
/* Whether or not a mark came. */
void changeover_end(struct changeover *);
/* It could not be given. */
void changeover_keep(struct changeover *);

static inline bool
changeover_is_parted(const struct changeover *over)
{
	return over->state != CHANGEOVER_EXPECTS &&
	    over->state != CHANGEOVER_DUE;
}

static inline bool
changeover_is_beside(const struct changeover *over)
{
	return over->state == CHANGEOVER_BESIDE ||
	    over->state == CHANGEOVER_QUEUES;
}

static inline enum changeover_fate
changeover_fate(const struct changeover *over)
{
	return changeover_fsm_fate(over->state);
}

/* A mark of whoever takes the slot; text: its token. */
void changeover_mark(struct changeover *, const char *text, uint32_t number);
/* The subscription has come up or gone down. */
void changeover_pushes_link(struct changeover *, bool is_up);

#endif
