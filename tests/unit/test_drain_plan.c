/* SPDX-License-Identifier: ISC */
/*
 * Plans of drains: what a profile and a time limit come to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/drain_plan.h"

static struct drain_plan
plan(enum drain_profile profile, uint64_t within_ms, bool is_unready)
{
	struct drain_request request = {
		.profile = profile,
		.within_ms = within_ms,
		.is_unready = is_unready,
	};
	struct settings set;

	settings_defaults(&set);
	return drain_plan_make(&set, &request);
}

static void
test_profiles(void **state)
{
	struct drain_plan p = plan(DRAIN_EVACUATE, 0, false);

	(void)state;
	assert_int_equal(p.lb_wait_ms, 10000);
	assert_int_equal(p.window_ms, 180000);
	/* More than websocket.close_timeout: the silent end by themselves. */
	assert_int_equal(p.grace_ms, 6000);
	assert_int_equal(drain_plan_total_ms(&p), 196000);
	p = plan(DRAIN_GENTLE, 0, true);
	assert_int_equal(p.profile, DRAIN_GENTLE);
	assert_int_equal(p.lb_wait_ms, 0);
	assert_int_equal(p.window_ms, 4 * 3600 * 1000);
}

static void
test_within(void **state)
{
	uint64_t within;

	(void)state;
	for (within = DRAIN_WITHIN_MIN_MS; within <= DRAIN_WITHIN_MAX_MS;
	     within = within * 3 / 2 + 7) {
		struct drain_plan p = plan(DRAIN_GENTLE, within, false);

		assert_int_equal(drain_plan_total_ms(&p), within);
		assert_true(p.window_ms >= within / 2);
		assert_true(p.lb_wait_ms <= 10000);
		assert_true(p.grace_ms > 0 && p.grace_ms <= 6000);
	}
}

static void
test_rate(void **state)
{
	(void)state;
	assert_true(drain_plan_rate(1800, 180000) == 10.0);
	assert_true(drain_plan_rate(0, 0) == 0.0);
	assert_true(drain_plan_rate(50, 0) == 50.0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
