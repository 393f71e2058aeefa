/* SPDX-License-Identifier: ISC */
/*
 * Reads the stream of this node, entry by entry and in order, and delivers what
 * is in it; whoever asked for it is told what became of it.  The position is in
 * the slot header, and only this reader trims the stream, up to there.  Each
 * entry has its effect once, however often the relay dies: what is about to be
 * put in a ring is written down first, and the ring tells whether it was.
 */
#ifndef HOLDFAST_RELAY_INBOX_H
#define HOLDFAST_RELAY_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "proto/redis_names.h"
#include "proto/slot_inbox.h"
#include "worker/relay/backplane.h"
#include "worker/relay/inbox_gap.h"

struct inbox_broadcast;
struct inbox_fields;

struct inbox {
	struct relay *relay;	  /* borrowed */
	struct event *resume;	  /* owned; after a pause; NULL: standalone */
	struct inbox_state state; /* that of the slot header, or ahead of it */
	struct inbox_id trimmed;
	struct inbox_broadcast *broadcast; /* owned: not in all rings yet */
	struct inbox_fields *stuck; /* owned: can be taken when there is room */
	struct inbox_question asked; /* of the state, when the stream was */
	uint32_t read_count;	     /* entries that are read at once */
	size_t kept_bytes;	     /* of texts that wait for their receipt */
	bool is_bound;		     /* the state is of this Redis' stream */
	bool is_asking;
	bool is_up;	 /* the link for commands */
	bool can_read;	 /* and that for streams */
	bool is_reading; /* a reply is owed */
	bool is_parting;
	struct inbox_tally tally;
	char key[REDIS_NAMES_MAX];
};

/* 0 or -ENOMEM.  Before anything is put in a ring: settles what an earlier
 * tenant of the slot was about to do. */
int inbox_start(struct inbox *, struct relay *)
    __attribute__((warn_unused_result));
/* The link for commands has come up or gone down.  To be called before routes
 * are written: what is in the stream before is not for clients of this life. */
void inbox_link(struct inbox *, bool is_up);
/* Likewise the link for streams. */
void inbox_streams_link(struct inbox *, bool is_up);
/* Takes nothing any more: the next relay goes on from here. */
void inbox_part(struct inbox *);
/* There is no next one yet. */
void inbox_resume(struct inbox *);
/* Once a second. */
void inbox_tick(struct inbox *);

#endif
