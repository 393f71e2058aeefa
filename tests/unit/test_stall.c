/* SPDX-License-Identifier: ISC */
/*
 * Heartbeats that stand still, late watchers, and crashes that pile up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/stall.h"

#define STALL 5000

static void
test_beating_is_never_stalled(void **state)
{
	struct stall stall;
	uint64_t now;

	(void)state;
	stall_reset(&stall, 1, 1000);
	for (now = 1000; now < 100000; now += 4999)
		assert_false(stall_check(&stall, now, now, STALL));
}

static void
test_stands_still(void **state)
{
	struct stall stall;

	(void)state;
	stall_reset(&stall, 7, 1000);
	assert_false(stall_check(&stall, 7, 5999, STALL));
	assert_true(stall_check(&stall, 7, 6000, STALL));
	/* A single beat, even a wrapped word, starts it anew. */
	assert_false(stall_check(&stall, 0, 6001, STALL));
	assert_false(stall_check(&stall, 0, 11000, STALL));
	assert_true(stall_check(&stall, 0, 11001, STALL));
}

static void
test_watcher_late(void **state)
{
	(void)state;
	assert_false(stall_watcher_late(1000, 1625, 625, STALL));
	assert_false(stall_watcher_late(1000, 1000 + 625 + 2500, 625, STALL));
	assert_true(stall_watcher_late(1000, 1000 + 625 + 2501, 625, STALL));
}

static void
test_crash_window(void **state)
{
	struct crash_window window;
	uint32_t i;

	(void)state;
	crash_window_reset(&window);
	assert_int_equal(crash_window_add(&window, 1000, 60000), 1);
	assert_int_equal(crash_window_add(&window, 2000, 60000), 2);
	assert_int_equal(crash_window_add(&window, 61000, 60000), 3);
	assert_int_equal(crash_window_add(&window, 61001, 60000), 3);
	assert_int_equal(crash_window_add(&window, 500000, 60000), 1);
	/* More than it remembers: as many as it remembers. */
	for (i = 0; i < 3 * CRASH_WINDOW_MAX; i++)
		(void)crash_window_add(&window, 600000, 60000);
	assert_int_equal(crash_window_add(&window, 600000, 60000),
	    CRASH_WINDOW_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beating_is_never_stalled),
		cmocka_unit_test(test_stands_still),
		cmocka_unit_test(test_watcher_late),
		cmocka_unit_test(test_crash_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
