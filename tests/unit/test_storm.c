/* SPDX-License-Identifier: ISC */
/*
 * The pace of storms: how long displaced clients are spread, and what becomes
 * of that when more are, or the leader is another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/fleet/storm.h"

#define MIN_WINDOW 120000

static void
test_spare(void **state)
{
	static const struct storm_survivor survivors[] = {
		{ 1000, 100 },
		{ 1000, 5000 }, /* over its budget: nothing to spare */
		{ 500, -1 },
		{ 0, 50 },
	};

	(void)state;
	assert_true(storm_spare(survivors, 4, 0) == 1400);
	assert_true(storm_spare(survivors, 4, 2000) == 900);
	/* All busy, or none left: a tenth, and no window without an end. */
	assert_true(storm_spare(&survivors[1], 1, 0) == 100);
	assert_true(storm_spare(survivors, 4, 1000) == 100);
	assert_true(storm_spare(survivors, 0, 0) == 0);
}

static void
test_window(void **state)
{
	(void)state;
	assert_int_equal(storm_window_ms(0, 0, MIN_WINDOW), MIN_WINDOW);
	assert_int_equal(storm_window_ms(1000, 1000, MIN_WINDOW), MIN_WINDOW);
	assert_int_equal(storm_window_ms(100000, 500, MIN_WINDOW), 200000);
	assert_int_equal(storm_window_ms(1, 3, 0), 334);
	assert_int_equal(storm_window_ms(1, 0, MIN_WINDOW),
	    STORM_WINDOW_MAX_MS);
	assert_int_equal(storm_window_ms(UINT64_MAX, 1, MIN_WINDOW),
	    STORM_WINDOW_MAX_MS);
}

static void
test_outstanding(void **state)
{
	struct storm storm = { 0 };

	(void)state;
	assert_int_equal(storm_left_ms(&storm, 5), 0);
	assert_int_equal(storm_outstanding(&storm, 5), 0);
	storm_add(&storm, 1000, 100, 1000, 5000);
	assert_int_equal(storm.window_ms, 10000);
	assert_int_equal(storm_outstanding(&storm, 4000), 1000);
	assert_int_equal(storm_outstanding(&storm, 5000), 1000);
	assert_int_equal(storm_outstanding(&storm, 10000), 500);
	assert_int_equal(storm_left_ms(&storm, 14999), 1);
	assert_int_equal(storm_outstanding(&storm, 14999), 1);
	assert_int_equal(storm_outstanding(&storm, 15000), 0);
}

/* The second node that dies in a storm lengthens it. */
static void
test_storm_in_a_storm(void **state)
{
	struct storm storm = { 0 };

	(void)state;
	storm_add(&storm, 1000, 100, 1000, 5000);
	storm_add(&storm, 1000, 100, 1000, 10000);
	assert_int_equal(storm.displaced, 1500);
	assert_int_equal(storm_left_ms(&storm, 10000), 15000);
	/* More to spare does not call back those with a later moment. */
	storm_add(&storm, 0, 100000, 1000, 10000);
	assert_int_equal(storm_left_ms(&storm, 10000), 15000);
}

/* Clients of the first node that come back look like other work: the second
 * would get a tenth of the budget. */
static void
test_those_who_come_back_are_no_others(void **state)
{
	struct storm storm = { 0 };

	(void)state;
	storm_add(&storm, 100000, 1000, 1000, 5000);
	assert_int_equal(storm.window_ms, 100000);
	storm_add(&storm, 100000, 100, 1000, 55000);
	assert_int_equal(storm.displaced, 150000);
	assert_int_equal(storm.window_ms, 150000);
	/* Not in the next one. */
	storm_add(&storm, 1000, 100, 1000, 305000);
	assert_int_equal(storm.window_ms, 10000);
}

static void
test_late(void **state)
{
	struct storm storm = { 0 };

	(void)state;
	assert_false(storm_add_late(&storm, 1000, 1000, 2000, 2000, 9000));
	assert_int_equal(storm_left_ms(&storm, 9000), 0);
	assert_true(storm_add_late(&storm, 1000, 1000, 2000, 500, 9000));
	assert_int_equal(storm_left_ms(&storm, 9000), 1500);
	assert_int_equal(storm.displaced, 750);
	storm = (struct storm){ 0 };
	assert_true(storm_add_late(&storm, 10000, 1000, 2000, 4000, 9000));
	assert_int_equal(storm_left_ms(&storm, 9000), 6000);
	assert_int_equal(storm.displaced, 6000);
	assert_true(storm_add_late(&storm, 10000, 100, 2000, 4000, 9000));
	assert_int_equal(storm_left_ms(&storm, 9000), 12000);
}

/* The next leader's window is as long as that of one who had stayed. */
static void
test_resume(void **state)
{
	struct storm storm = { 0 }, next;
	struct storm_notice notice = { 0 };

	(void)state;
	storm_add(&storm, 1000, 100, 1000, 5000);
	notice = (struct storm_notice){ 910000, storm.window_ms,
		storm.displaced, storm.spare, 900000 };
	storm_resume(&next, &notice, 902500, 1000);
	assert_int_equal(storm_left_ms(&next, 1000), 7500);
	assert_int_equal(storm_outstanding(&next, 1000), 750);
	assert_int_equal(storm_outstanding(&next, 6000), 250);
	storm_add(&storm, 1000, 10, 1000, 7500);
	storm_add(&next, 1000, 10, 1000, 1000);
	assert_int_equal(next.displaced, storm.displaced);
	assert_int_equal(next.window_ms, storm.window_ms);
	storm_resume(&next, &notice, 910000, 1000);
	assert_int_equal(storm_left_ms(&next, 1000), 0);
	/* The clock of Redis has been set back by a day. */
	notice.until_ms += 86400000;
	storm_resume(&next, &notice, 902500, 1000);
	assert_int_equal(next.window_ms, STORM_WINDOW_MAX_MS);
	assert_int_equal(next.displaced, 1000);
	/* One that says nothing of itself. */
	notice = (struct storm_notice){ .until_ms = 910000 };
	storm_resume(&next, &notice, 905000, 0);
	assert_int_equal(storm_left_ms(&next, 0), 5000);
	assert_int_equal(storm_outstanding(&next, 0), 0);
}

static void
test_bucket(void **state)
{
	(void)state;
	assert_true(storm_bucket(500, 2000, 0) == 500);
	assert_true(storm_bucket(500, 2000, 2000) == 500);
	assert_true(storm_bucket(500, 2000, 1000) == 250);
	assert_true(storm_bucket(500, 0, 1000) == 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spare),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_outstanding),
		cmocka_unit_test(test_storm_in_a_storm),
		cmocka_unit_test(test_those_who_come_back_are_no_others),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
