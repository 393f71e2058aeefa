/* SPDX-License-Identifier: ISC */
/*
 * Steps: the only way in which the gateway changes a connection.  A step is
 * announced in the slot header, works on private copies of the record and its
 * busy block, and takes effect by one commit through the journal; then what it
 * has to say to the client is handed to the kernel.  Whatever instant a tenant
 * dies at, its successor finds either nothing changed (and the kernel's byte
 * counts tell what was read) or the whole effect in the journal (and the
 * counts tell what was sent).
 *
 *	step_begin	phase ANNOUNCED: recv() into the scratch may follow
 *	...		input_*, output_* change the copies
 *	step_commit	phase EFFECT: journal, then record
 *	step_finish	send; what does not fit is parked in the arena; end
 *
 * One step at a time; the same functions run on adoption (adopt.c).
 */
#ifndef HOLDFAST_GATEWAY_STEP_H
#define HOLDFAST_GATEWAY_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/counters.h"
#include "proto/slot.h"

struct gateway;

#define STEP_MAX_OLD 8

struct step_work {
	uint32_t rec;
	enum step_kind kind;
	bool committed; /* step_commit has succeeded in this step */
	bool doomed;	/* memory ran out: give this connection up */
	bool peeked;	/* the bytes are still the kernel's, too */
	bool told;	/* their messages are in the ring already */
	bool held;	/* some were left there, for want of room */
	enum counter doom_cause;
	struct record_body body;
	struct record_busy busy;
	struct record_body was;	     /* as loaded or last committed */
	struct record_busy was_busy; /* all zero when there was none */
	uint32_t busy_ref;	     /* block in the arena; 0: none yet */
	uint32_t out_len;	     /* bytes of this step in the out scratch */
	uint64_t end_position; /* given, once all output is with the kernel */
	/* what the journal takes besides the record */
	uint64_t ring_applied;
	uint64_t token; /* receipt to be sent before the step ends; 0: none */
	uint32_t broadcast_next;
	uint32_t kick;
	uint32_t kick_gen;
	uint32_t journal_flags;
	/* for after the commit: blocks that nobody refers to any more */
	struct {
		uint32_t ref;
		uint32_t cap;
	} old[STEP_MAX_OLD];
	uint32_t old_count;
};

/* Announces the step and loads the copies.  The record must be in use. */
struct step_work *step_begin(struct gateway *, enum step_kind, uint32_t rec);

/* Loads the copies without announcing: adoption of an announced step. */
struct step_work *step_load(struct gateway *, enum step_kind, uint32_t rec);

/* Makes the changes take effect.  If memory for it is lacking the step is
 * turned into giving the connection up, which always commits. */
void step_commit(struct gateway *);
/* Does it count for the limits: open, or with a token to become so? */
bool step_is_held(const struct record_body *);

/* Sends, parks the rest, adapts the epoll interest, sends FIN if due, ends the
 * step; frees the record if it is dying. */
void step_finish(struct gateway *);

/* The last part of a step whose record is DYING; may be done twice. */
void step_bury(struct gateway *);

/* Ends a step that changed nothing. */
void step_end(struct gateway *);

/* Copies the journal into record and arena; idempotent.  On adoption the index
 * is left to table_adopt(). */
void step_apply_journal(struct gateway *, bool adopting);

/* Gives the connection up for lack of memory: the copies go back to what was
 * committed, plus a close frame if one can be sent. */
void step_doom(struct gateway *, enum counter cause);

/* The working copy holds bytes no more: drops all its blocks. */
void step_drop_busy(struct gateway *);

/* Registers (EPOLL_CTL_ADD) or changes what the slot's epoll set watches. */
void step_interest(struct gateway *, uint32_t rec, const struct record_body *,
    int op);

/* A block of the working copy is replaced: free it at once if no committed
 * state refers to it, after the commit otherwise. */
void step_drop_block(struct gateway *, uint32_t ref, uint32_t cap);

#endif
