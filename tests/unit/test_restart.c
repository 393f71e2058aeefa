/* SPDX-License-Identifier: ISC */
/*
 * What a keeper makes of a death: its cause, the row it belongs to, the wait.
 */
#include "worker/restart.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker/worker.h"

static const struct restart_policy policy = { 100, 10000, 60000 };

static void
test_counters(void **state)
{
	static const struct {
		int status;
		bool stalled;
		enum counter counter;
	} cases[] = {
		{ WORKER_EXIT_RECYCLE, false, COUNTER_RESTART_RECYCLE },
		{ WORKER_EXIT_ERROR, false, COUNTER_RESTART_EXIT },
		{ 1, false, COUNTER_RESTART_EXIT },
		{ -SIGKILL, false, COUNTER_RESTART_KILLED },
		{ -SIGTERM, false, COUNTER_RESTART_KILLED },
		{ -SIGSEGV, false, COUNTER_RESTART_FAULT },
		{ -SIGBUS, false, COUNTER_RESTART_FAULT },
		{ -SIGILL, false, COUNTER_RESTART_FAULT },
		{ -SIGFPE, false, COUNTER_RESTART_FAULT },
		{ -SIGABRT, false, COUNTER_RESTART_FAULT },
		{ -SIGABRT, true, COUNTER_RESTART_STALL },
		{ -SIGKILL, true, COUNTER_RESTART_STALL },
		{ -SIGSEGV, true, COUNTER_RESTART_FAULT },
		{ WORKER_EXIT_RECYCLE, true, COUNTER_RESTART_RECYCLE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct restart_death death = { .status = cases[i].status,
			.was_stalled = cases[i].stalled };

		assert_int_equal(restart_counter(&death), cases[i].counter);
	}
}

static void
test_rows(void **state)
{
	struct restart_death death = { .status = -SIGSEGV };

	(void)state;
	assert_int_equal(restart_in_row(&policy, &death, 0), 1);
	assert_int_equal(restart_in_row(&policy, &death, 7), 8);
	assert_int_equal(restart_in_row(&policy, &death, UINT32_MAX),
	    UINT32_MAX);
	/* who has served belongs to the row if nobody is to blame */
	death.has_served = true;
	death.served_ms = 59999;
	assert_int_equal(restart_in_row(&policy, &death, 7), 8);
	death.served_ms = 60000;
	assert_int_equal(restart_in_row(&policy, &death, 7), 1);
	/* not one whose connection is to blame, or that was killed */
	death.served_ms = 0;
	death.in_step = true;
	assert_int_equal(restart_in_row(&policy, &death, 7), 1);
	death.in_step = false;
	death.status = -SIGKILL;
	assert_int_equal(restart_in_row(&policy, &death, 7), 1);
	death.served_ms = 0;
	death.status = WORKER_EXIT_RECYCLE;
	assert_int_equal(restart_in_row(&policy, &death, 7), 0);
	/* one that recycles before it serves would do so for ever */
	death.has_served = false;
	assert_int_equal(restart_in_row(&policy, &death, 7), 8);
}

static void
test_delays(void **state)
{
	static const uint32_t delays[] = { 0, 0, 100, 200, 400, 800, 1600, 3200,
		6400, 10000, 10000 };
	const struct restart_policy never = { 0, 10000, 60000 };
	const struct restart_policy odd = { 500, 300, 60000 };
	const struct restart_death death = { .status = -SIGSEGV };
	const struct restart_death in_step = { .status = -SIGSEGV,
		.in_step = true };

	(void)state;
	for (uint32_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
		assert_int_equal(restart_delay_ms(&policy, &death, i),
		    delays[i]);
	assert_int_equal(restart_delay_ms(&policy, &death, UINT32_MAX), 10000);
	assert_int_equal(restart_delay_ms(&never, &death, 1000), 0);
	assert_int_equal(restart_delay_ms(&odd, &death, 2), 300);
	/* deaths in steps are explained, but not for ever */
	assert_int_equal(restart_delay_ms(&policy, &in_step, 4), 0);
	assert_int_equal(restart_delay_ms(&policy, &in_step, 5), 800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_delays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
