/* SPDX-License-Identifier: ISC */
/*
 * What the numbers of a stream tell: nothing, entries that others have removed,
 * or another history than the one that was read.
 */
#include "worker/relay/inbox_gap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Ids are 1-0, 2-0, ...; 0: none. */
struct row {
	uint64_t done, count; /* as the reader knows it */
	bool is_uncounted;
	uint64_t asked, asked_count; /* as it knew it when it asked */
	uint64_t first, last, added, length;
	/* what is found, and known then */
	bool is_reset, is_changed;
	uint64_t lost, skipped;
	uint64_t then_done, then_count;
	bool then_uncounted;
};

static struct inbox_id
id_of(uint64_t number)
{
	return (struct inbox_id){ number, 0 };
}

static void
check(const struct row *row)
{
	struct inbox_state state = { .done = id_of(row->done),
		.count = row->count };
	const struct inbox_question question = { id_of(row->asked),
		row->asked_count };
	const struct inbox_stream stream = { id_of(row->first),
		id_of(row->last), row->added, row->length };
	struct inbox_tally tally = { row->is_uncounted, 0 };
	struct inbox_gap gap;

	inbox_gap_check(&state, &tally, &question, &stream, &gap);
	assert_int_equal(gap.is_reset, row->is_reset);
	assert_int_equal(gap.is_changed, row->is_changed);
	assert_int_equal(gap.lost, row->lost);
	assert_int_equal(gap.skipped, row->skipped);
	assert_int_equal(state.done.ms, row->then_done);
	assert_int_equal(state.count, row->then_count);
	assert_int_equal(tally.is_uncounted, row->then_uncounted);
}

static void
test_same_history(void **state)
{
	static const struct row rows[] = {
		/* nothing was ever added */
		{ 0, 0, false, 0, 0, 0, 0, 0, 0, false, false, 0, 0, 0, 0,
		    false },
		/* all is read, and trimmed or not yet */
		{ 9, 7, false, 9, 7, 0, 9, 7, 0, false, false, 0, 0, 9, 7,
		    false },
		{ 9, 7, false, 9, 7, 8, 9, 7, 2, false, false, 0, 0, 9, 7,
		    false },
		/* there are more, behind the position or around it */
		{ 9, 7, false, 9, 7, 10, 12, 10, 3, false, false, 0, 0, 9, 7,
		    false },
		{ 9, 7, false, 9, 7, 8, 12, 10, 5, false, false, 0, 0, 9, 7,
		    false },
		/* read while it was asked: the answer is older */
		{ 11, 9, false, 9, 7, 0, 9, 7, 0, false, false, 0, 0, 11, 9,
		    false },
		{ 11, 9, false, 9, 7, 10, 10, 8, 1, false, false, 0, 0, 11, 9,
		    false },
		/* or before the answer, but after the question */
		{ 11, 9, false, 9, 7, 10, 12, 10, 3, false, false, 0, 0, 11, 9,
		    false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

/* Somebody else has removed entries that were not read. */
static void
test_lost(void **state)
{
	static const struct row rows[] = {
		/* all of them, some of them */
		{ 9, 7, false, 9, 7, 0, 12, 10, 0, false, true, 3, 0, 9, 10,
		    false },
		{ 9, 7, false, 9, 7, 11, 12, 10, 2, false, true, 1, 0, 9, 8,
		    false },
		/* the rest is read by now, and not trimmed yet */
		{ 12, 8, false, 9, 7, 11, 12, 10, 2, false, true, 2, 0, 12, 10,
		    false },
		{ 11, 8, false, 9, 7, 11, 12, 12, 2, false, true, 2, 0, 11, 10,
		    false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

/* The last id is before the position. */
static void
test_flushed(void **state)
{
	static const struct row rows[] = {
		{ 9, 7, false, 9, 7, 0, 0, 0, 0, true, true, 0, 0, 0, 0,
		    false },
		/* a clock that is behind: what was added is not known from what
		 * an older replica still had */
		{ 9, 7, false, 9, 7, 3, 4, 2, 2, true, true, 0, 2, 4, 2,
		    false },
		{ 9, 7, true, 9, 7, 3, 4, 2, 2, true, true, 0, 2, 4, 2, false },
		/* the reader has moved since it asked */
		{ 11, 9, false, 9, 7, 3, 4, 5, 2, true, true, 0, 0, 11, 3,
		    true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

/* The position is in another history, whose ids have gone on. */
static void
test_older_replica(void **state)
{
	static const struct row rows[] = {
		/* it lacks two that were read; others came, all of them are to
		 * be read: nothing is passed over */
		{ 9, 7, false, 9, 7, 10, 12, 8, 3, true, true, 0, 0, 9, 5,
		    false },
		/* as many came as it lacks, so that the sum is right */
		{ 9, 7, false, 9, 7, 10, 11, 7, 2, true, true, 0, 0, 9, 5,
		    false },
		{ 9, 7, false, 9, 7, 10, 13, 9, 4, true, true, 0, 0, 9, 5,
		    false },
		/* it has some from before the position: whether they were read
		 * is seen when the end is reached */
		{ 9, 7, false, 9, 7, 8, 12, 6, 4, true, true, 0, 0, 9, 2,
		    true },
		{ 12, 5, true, 9, 2, 8, 12, 6, 4, false, true, 0, 1, 12, 6,
		    false },
		{ 12, 5, true, 12, 5, 0, 12, 6, 0, false, true, 0, 1, 12, 6,
		    false },
		/* not yet */
		{ 10, 3, true, 9, 2, 8, 12, 6, 4, false, false, 0, 0, 10, 3,
		    true },
		/* and none was passed over */
		{ 12, 6, true, 12, 6, 0, 12, 6, 0, false, true, 0, 0, 12, 6,
		    false },
		/* it lacks two, and all it has is read and not trimmed */
		{ 11, 9, false, 9, 7, 10, 11, 7, 2, true, true, 0, 0, 11, 7,
		    false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

/* Others have written to it before the last that was read, and behind: where
 * the numbers overlap is seen only at the end. */
static void
test_passed_over(void **state)
{
	struct inbox_state in = { .done = id_of(73), .count = 71 };
	struct inbox_question question = { id_of(73), 71 };
	/* 50 of the same, then 25 others, 3 of them up to 73 */
	struct inbox_stream stream = { id_of(71), id_of(95), 75, 25 };
	struct inbox_tally tally = { false, 0 };
	struct inbox_gap gap;

	(void)state;
	inbox_gap_begin(&in, &tally, &stream);
	inbox_gap_check(&in, &tally, &question, &stream, &gap);
	assert_false(gap.is_changed);
	/* It reads what is behind, and trims. */
	in.done = id_of(95);
	in.count += 22;
	question = (struct inbox_question){ in.done, in.count };
	stream = (struct inbox_stream){ id_of(0), id_of(95), 75, 0 };
	inbox_gap_check(&in, &tally, &question, &stream, &gap);
	assert_true(gap.is_reset);
	assert_int_equal(gap.skipped, 3);
	assert_int_equal(gap.lost, 0);
	assert_int_equal(in.count, 75);
	/* The same stream by another link tells nothing. */
	in = (struct inbox_state){ .done = id_of(9), .count = 7 };
	question = (struct inbox_question){ id_of(9), 7 };
	stream = (struct inbox_stream){ id_of(8), id_of(12), 10, 5 };
	inbox_gap_begin(&in, &tally, &stream);
	inbox_gap_check(&in, &tally, &question, &stream, &gap);
	assert_false(gap.is_changed);
	in.done = id_of(12);
	in.count = 10;
	question = (struct inbox_question){ in.done, in.count };
	inbox_gap_check(&in, &tally, &question, &stream, &gap);
	assert_false(gap.is_changed);
}

/* What is new is for this life, whatever its id. */
static void
test_earlier_life(void **state)
{
	struct inbox_state in = { .done = id_of(9), .old = id_of(8) };
	const struct inbox_question question = { id_of(9), 0 };
	struct inbox_stream stream = { id_of(0), id_of(0), 0, 0 };
	struct inbox_tally tally = { false, 0 };
	struct inbox_gap gap;

	(void)state;
	in.intent = id_of(9);
	inbox_gap_check(&in, &tally, &question, &stream, &gap);
	assert_true(gap.is_reset);
	assert_int_equal(in.old.ms, 0);
	assert_int_equal(in.done.ms, 0);
	assert_int_equal(in.intent.ms, 0);
	/* The same history: what was old stays it. */
	in = (struct inbox_state){ .done = id_of(2),
		.count = 2,
		.old = id_of(8) };
	stream = (struct inbox_stream){ id_of(3), id_of(8), 8, 6 };
	inbox_gap_check(&in, &tally, &(struct inbox_question){ id_of(2), 2 },
	    &stream, &gap);
	assert_false(gap.is_changed);
	assert_int_equal(in.old.ms, 8);
	/* Half of it was read, and the other half is forgotten. */
	stream = (struct inbox_stream){ id_of(0), id_of(4), 4, 0 };
	in.count = 5;
	inbox_gap_check(&in, &tally, &(struct inbox_question){ id_of(2), 5 },
	    &stream, &gap);
	assert_true(gap.is_reset);
	assert_int_equal(in.old.ms, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_history),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_flushed),
		cmocka_unit_test(test_older_replica),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_earlier_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
