/* SPDX-License-Identifier: ISC */
/*
 * Is it the stream that was read so far?  Redis does not tell when somebody
 * else has trimmed it or when entries that were read are forgotten (a flush, an
 * older replica): that shows in its last id and in the number of entries that
 * were ever added.  Pure; for inbox.c, which asks.
 */
#ifndef HOLDFAST_RELAY_INBOX_GAP_H
#define HOLDFAST_RELAY_INBOX_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slot_inbox.h"

/* What Redis has answered. */
struct inbox_stream {
	struct inbox_id first; /* of the entries that are there; 0-0: none */
	struct inbox_id last;  /* that was ever given */
	uint64_t added;	       /* entries, ever */
	uint64_t length;       /* that are there */
};

/* What was known when it was asked.  Question and reads travel on two links:
 * what was read meanwhile may be no part of the answer. */
struct inbox_question {
	struct inbox_id done;
	uint64_t count;
};

struct inbox_gap {
	bool is_reset;	  /* entries that were read are forgotten */
	bool is_changed;  /* the state, at all */
	uint64_t lost;	  /* that others removed before they were read */
	uint64_t skipped; /* at a reset: read before, or lost */
};

/* Kept from call to call; all 0 at first. */
struct inbox_tally {
	/* Since a reset nobody knows how many entries there were up to
	 * state->done. */
	bool is_uncounted;
	/* That many of state->count were still there when the link came up, if
	 * it is the same stream. */
	uint64_t was_there;
};

/* The first answer by a link: it may lead to another server. */
void inbox_gap_begin(const struct inbox_state *, struct inbox_tally *,
    const struct inbox_stream *);

/* Sets state->done, count, intent and old right. */
void inbox_gap_check(struct inbox_state *, struct inbox_tally *,
    const struct inbox_question *, const struct inbox_stream *,
    struct inbox_gap *out);

#endif
