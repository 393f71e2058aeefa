/* SPDX-License-Identifier: ISC */
/*
 * The partition verdict: what peers say, and what their silence means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/fleet/partition.h"

#define SETTLE 3000

#define SILENT                                                                 \
	{                                                                      \
		PEER_SILENT, 0                                                 \
	}
#define ERROR                                                                  \
	{                                                                      \
		PEER_ERROR, 0                                                  \
	}
#define PENDING                                                                \
	{                                                                      \
		PEER_NOT_ASKED, 0                                              \
	}
#define HAS                                                                    \
	{                                                                      \
		PEER_ANSWERED, 200                                             \
	}
#define SOON                                                                   \
	{                                                                      \
		PEER_ANSWERED, 501                                             \
	}
#define LATE                                                                   \
	{                                                                      \
		PEER_ANSWERED, 3000                                            \
	}
#define LOST                                                                   \
	{                                                                      \
		PEER_ANSWERED, 1500                                            \
	}
#define HAD                                                                    \
	{                                                                      \
		PEER_ANSWERED, 8000                                            \
	}
#define NEVER                                                                  \
	{                                                                      \
		PEER_ANSWERED, UINT64_MAX                                      \
	}

struct story {
	uint64_t silent_ms;
	size_t count;
	struct peer_report reports[4];
	enum partition_verdict verdict;
};

static const struct story stories[] = {
	{ 0, 2, { HAS, HAD }, PARTITION_NONE },
	{ 2999, 2, { HAS, HAS }, PARTITION_UNDECIDED },
	{ 3000, 2, { HAS, HAD }, PARTITION_CUT_OFF },
	/* A second more, and it is seen whether that one has it. */
	{ 3000, 2, { SOON, HAD }, PARTITION_UNDECIDED },
	{ 4000, 2, { SOON, HAD }, PARTITION_CUT_OFF },
	{ 5499, 2, { LATE, HAD }, PARTITION_UNDECIDED },
	{ 5500, 2, { LATE, HAD }, PARTITION_OUTAGE },
	{ 3000, 2, { LOST, HAD }, PARTITION_OUTAGE },
	/* One is enough, whatever else is not known yet. */
	{ 8000, 4, { ERROR, SILENT, PENDING, HAS }, PARTITION_CUT_OFF },
	{ 8000, 3, { HAD, HAD, HAD }, PARTITION_OUTAGE },
	{ 8000, 3, { HAD, PENDING, HAD }, PARTITION_UNDECIDED },
	{ 8000, 3, { NEVER, SILENT, SILENT }, PARTITION_OUTAGE },
	/* It lost Redis when we did, and has not waited long enough to know. */
	{ 8500, 1, { HAD }, PARTITION_OUTAGE },
	{ 10500, 1, { HAD }, PARTITION_OUTAGE },
	{ 10501, 1, { HAD }, PARTITION_CUT_OFF },
	/* Nobody to ask, or nobody who can say. */
	{ 8000, 0, { PENDING }, PARTITION_OUTAGE },
	{ 8000, 1, { SILENT }, PARTITION_OUTAGE },
	{ 8000, 3, { SILENT, SILENT, ERROR }, PARTITION_OUTAGE },
	{ 8000, 2, { SILENT, SILENT }, PARTITION_ALONE },
	{ 8000, 4, { SILENT, SILENT, SILENT, SILENT }, PARTITION_ALONE },
	{ 8000, 3, { SILENT, SILENT, PENDING }, PARTITION_UNDECIDED },
};

static void
test_stories(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		const struct story *s = &stories[i];

		assert_int_equal(partition_decide(s->silent_ms, SETTLE,
				     s->reports, s->count),
		    s->verdict);
	}
}

/* Of all that four peers can say: cut off only if one has Redis, alone only if
 * none can be heard. */
static void
test_every_combination(void **state)
{
	static const struct peer_report kinds[] = { SILENT, ERROR, PENDING, HAS,
		HAD, NEVER };
	struct peer_report reports[4];
	int i, j, code;

	(void)state;
	for (code = 0; code < 6 * 6 * 6 * 6; code++) {
		int has = 0, silent = 0;
		enum partition_verdict verdict;

		for (i = 0, j = code; i < 4; i++, j /= 6) {
			reports[i] = kinds[j % 6];
			has += j % 6 == 3;
			silent += j % 6 == 0;
		}
		verdict = partition_decide(8000, SETTLE, reports, 4);
		assert_int_equal(verdict == PARTITION_CUT_OFF, has > 0);
		assert_int_equal(verdict == PARTITION_ALONE, silent == 4);
		assert_int_equal(partition_is_cut_off(verdict),
		    has > 0 || silent == 4);
	}
}

#define NO  PARTITION_NONE
#define UN  PARTITION_UNDECIDED
#define CUT PARTITION_CUT_OFF
#define AL  PARTITION_ALONE
#define OUT PARTITION_OUTAGE

/* What a word makes of a verdict: once, twice, and twice when Redis has been
 * looked for in vain since the first time. */
static const struct {
	enum partition_verdict from, word, once, twice, tried;
} cells[] = {
	{ NO, NO, NO, NO, NO },
	{ NO, UN, UN, UN, UN },
	{ NO, CUT, NO, CUT, CUT },
	{ NO, AL, NO, AL, AL },
	{ NO, OUT, OUT, OUT, OUT },
	{ UN, NO, NO, NO, NO },
	{ UN, UN, UN, UN, UN },
	{ UN, CUT, UN, CUT, CUT },
	{ UN, AL, UN, AL, AL },
	{ UN, OUT, OUT, OUT, OUT },
	{ CUT, NO, NO, NO, NO },
	{ CUT, UN, CUT, CUT, CUT },
	{ CUT, CUT, CUT, CUT, CUT },
	{ CUT, AL, AL, AL, AL },
	{ CUT, OUT, CUT, OUT, OUT },
	{ AL, NO, NO, NO, NO },
	{ AL, UN, AL, AL, AL },
	{ AL, CUT, CUT, CUT, CUT },
	{ AL, AL, AL, AL, AL },
	{ AL, OUT, AL, OUT, OUT },
	{ OUT, NO, NO, NO, NO },
	{ OUT, UN, OUT, OUT, OUT },
	{ OUT, CUT, OUT, OUT, CUT },
	{ OUT, AL, OUT, AL, AL },
	{ OUT, OUT, OUT, OUT, OUT },
};

static void
test_every_cell(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(sizeof(cells) / sizeof(cells[0]),
	    PARTITION_VERDICT_MAX * PARTITION_VERDICT_MAX);
	for (i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		enum partition_verdict word = cells[i].word;
		struct partition one = { .verdict = cells[i].from };
		struct partition tried;

		assert_int_equal(partition_step(&one, word, 1000, 999),
		    cells[i].once);
		tried = one;
		assert_int_equal(partition_step(&one, word, 2000, 999),
		    cells[i].twice);
		assert_int_equal(partition_step(&tried, word, 2000, 1000),
		    cells[i].tried);
	}
}

struct step {
	enum partition_verdict word;
	uint64_t tried_ms;
	enum partition_verdict verdict;
};

/* A word every second, from 1000 on. */
static void
follow(const struct step *steps, size_t count)
{
	struct partition partition = { 0 };
	size_t i;

	for (i = 0; i < count; i++)
		assert_int_equal(partition_step(&partition, steps[i].word,
				     1000 * (i + 1), steps[i].tried_ms),
		    steps[i].verdict);
}

#define FOLLOW(steps) follow(steps, sizeof(steps) / sizeof(steps[0]))

static void
test_stories_of_rounds(void **state)
{
	/* Redis comes back to others first: only an attempt of ours that began
	 * after that says more, and then it ends well. */
	static const struct step back[] = {
		{ UN, 0, UN },
		{ OUT, 0, OUT },
		{ OUT, 1500, OUT },
		{ CUT, 2500, OUT },
		{ CUT, 3900, OUT },
		{ CUT, 3999, OUT },
		{ NO, 3999, NO },
	};
	/* It comes back to all but us. */
	static const struct step not_to_us[] = {
		{ OUT, 0, OUT },
		{ CUT, 1500, OUT },
		{ CUT, 1500, OUT },
		{ UN, 2001, OUT },
		{ CUT, 2001, CUT },
	};
	/* Others are asked each time, and few of them have it. */
	static const struct step partial[] = {
		{ UN, 0, UN },
		{ CUT, 0, UN },
		{ CUT, 0, CUT },
		{ OUT, 0, CUT },
		{ CUT, 0, CUT },
		{ OUT, 0, CUT },
		{ UN, 0, CUT },
		{ AL, 0, AL },
		{ OUT, 0, AL },
		{ OUT, 0, OUT },
		{ CUT, 9000, OUT },
		{ OUT, 11001, OUT },
		{ CUT, 11001, OUT },
		{ CUT, 12001, OUT },
		{ CUT, 13001, CUT },
	};
	/* The silence of all does not tell whether they have it. */
	static const struct step silent[] = {
		{ OUT, 0, OUT },
		{ AL, 0, OUT },
		{ CUT, 2500, OUT },
		{ CUT, 3001, CUT },
	};

	(void)state;
	FOLLOW(back);
	FOLLOW(not_to_us);
	FOLLOW(partial);
	FOLLOW(silent);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(partition_verdict_name(PARTITION_CUT_OFF),
	    "cut_off");
	assert_string_equal(partition_verdict_name(PARTITION_VERDICT_MAX),
	    "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_every_combination),
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_stories_of_rounds),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
