/* SPDX-License-Identifier: ISC */
/*
 * The pace of storms: how long displaced clients are spread, and that those who
 * keep to it stay within the survivors' budget.
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

/* 50,000 clients that keep to their moments: each second within the budget, a
 * little chance aside, and all of them within the window. */
static void
test_spread_keeps_the_budget(void **state)
{
	static uint32_t seconds[120];
	uint64_t window = storm_window_ms(50000, 500, 1000);
	uint64_t random = 1;
	uint32_t i, worst = 0;

	(void)state;
	assert_int_equal(window, 100000);
	for (i = 0; i < 50000; i++) {
		uint64_t at;

		random = random * 6364136223846793005ull + 1;
		at = storm_retry_after_ms(window, 0, (uint32_t)(random >> 32));
		assert_true(at < window);
		seconds[at / 1000]++;
	}
	for (i = 0; i < 100; i++)
		worst = seconds[i] > worst ? seconds[i] : worst;
	assert_true(worst < 500 + 5 * 23);
}

static void
test_retry_after(void **state)
{
	(void)state;
	assert_int_equal(storm_retry_after_ms(0, 1000, UINT32_MAX), 1000);
	assert_int_equal(storm_retry_after_ms(500, 1000, 7), 1000);
	assert_int_equal(storm_retry_after_ms(11000, 1000, 0), 1000);
	assert_int_equal(storm_retry_after_ms(11000, 1000, 0x80000000u), 6000);
	assert_int_equal(storm_retry_after_ms(11000, 1000, UINT32_MAX), 10999);
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
		cmocka_unit_test(test_spread_keeps_the_budget),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
