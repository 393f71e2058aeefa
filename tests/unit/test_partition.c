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
	{ 3000, 2, { SOON, HAD }, PARTITION_OUTAGE },
	{ 3000, 2, { SOON, HAD }, PARTITION_OUTAGE },
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
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
