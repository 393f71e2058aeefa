/* SPDX-License-Identifier: ISC */
/*
 * Heartbeats that stand still, late watchers, and crashes that pile up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/settings.h"
#include "supervisor/slot/stall.h"

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

/* As many as can be configured are counted. */
static void
test_crash_window_max(void **state)
{
	struct settings *settings = test_calloc(1, sizeof(*settings));
	struct crash_window *window = test_calloc(1, sizeof(*window));
	char reason[CONF_REASON_SIZE], text[16];
	uint32_t i;

	(void)state;
	conf_table_defaults(settings_table(), settings);
	snprintf(text, sizeof(text), "%u", CRASH_WINDOW_MAX);
	assert_int_not_equal(conf_table_set(settings_table(), settings,
				 "worker.max_crashes", text, reason),
	    0);
	assert_int_equal(conf_table_set(settings_table(), settings,
			     "worker.max_crashes", "1000", reason),
	    0);
	for (i = 0; i < settings->worker.max_crashes; i++)
		assert_true(crash_window_add(window, 1000 + i, 60000) <=
		    settings->worker.max_crashes);
	assert_true(crash_window_add(window, 2000, 60000) >
	    settings->worker.max_crashes);
	test_free(window);
	test_free(settings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beating_is_never_stalled),
		cmocka_unit_test(test_stands_still),
		cmocka_unit_test(test_watcher_late),
		cmocka_unit_test(test_crash_window),
		cmocka_unit_test(test_crash_window_max),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
