/* SPDX-License-Identifier: ISC */
/*
 * See inbox_gap.h.  "Count" is the number of entries that were added up to
 * state->done; of those that are gone, others have removed what is beyond it.
 */
#include "worker/relay/inbox_gap.h"

#include <string.h>

static bool
is_above(const struct inbox_id *a, const struct inbox_id *b)
{
	return inbox_id_compare(a, b) > 0;
}

/* What an earlier life had left is forgotten, too: new entries may have lower
 * ids, if the clock of this Redis is behind. */
static void
reset(struct inbox_state *state, const struct inbox_stream *stream,
    uint64_t count, struct inbox_gap *gap)
{
	gap->is_reset = true;
	state->count = count;
	if (is_above(&state->old, &stream->last))
		state->old = stream->last;
}

/* The position is beyond the end: it goes back there, and what was added below
 * it without our knowledge cannot be told from what was read. */
static void
go_back(struct inbox_state *state, struct inbox_tally *tally,
    const struct inbox_question *question, const struct inbox_stream *stream,
    struct inbox_gap *gap)
{
	uint64_t gone = stream->added - stream->length;

	if (inbox_id_compare(&state->done, &question->done) != 0) {
		/* It has moved since: the next answer tells. */
		reset(state, stream, gone, gap);
		tally->is_uncounted = true;
	} else {
		reset(state, stream, stream->added, gap);
		state->done = stream->last;
		gap->skipped = stream->length;
		tally->is_uncounted = false;
	}
	state->intent = state->done;
}

/* All that was added up to the position, and nothing else, is out of the
 * stream: its count is known. */
static void
settle(struct inbox_state *state, struct inbox_tally *tally, uint64_t count,
    const struct inbox_stream *stream, struct inbox_gap *gap)
{
	if (tally->is_uncounted) {
		if (count > state->count)
			gap->skipped = count - state->count;
		state->count = count;
		tally->is_uncounted = false;
	} else if (count > state->count) {
		gap->lost = count - state->count;
		state->count = count;
	} else if (count < state->count) {
		/* Of another stream this was read since the link came up, and
		 * all the rest was passed over. */
		if (count + tally->was_there > state->count)
			gap->skipped = count + tally->was_there - state->count;
		reset(state, stream, count, gap);
	} else {
		gap->is_changed = false;
	}
}

void
inbox_gap_begin(const struct inbox_state *state, struct inbox_tally *tally,
    const struct inbox_stream *stream)
{
	uint64_t gone = stream->added - stream->length;

	tally->was_there = state->count > gone ? state->count - gone : 0;
}

void
inbox_gap_check(struct inbox_state *state, struct inbox_tally *tally,
    const struct inbox_question *question, const struct inbox_stream *stream,
    struct inbox_gap *out)
{
	uint64_t gone = stream->added - stream->length;

	memset(out, 0, sizeof(*out));
	out->is_changed = true;
	if (is_above(&question->done, &stream->last)) {
		go_back(state, tally, question, stream, out);
	} else if (!is_above(&state->done, &stream->last) &&
	    (stream->length == 0 || is_above(&stream->first, &state->done))) {
		settle(state, tally, gone, stream, out);
	} else if (inbox_id_compare(&state->done, &stream->last) == 0) {
		settle(state, tally, stream->added, stream, out);
	} else if (stream->added < question->count && !tally->is_uncounted) {
		reset(state, stream, gone, out);
		tally->is_uncounted = true;
	} else if (gone > state->count) {
		if (!tally->is_uncounted)
			out->lost = gone - state->count;
		state->count = gone;
	} else {
		out->is_changed = false;
	}
}
