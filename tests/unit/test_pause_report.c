/* SPDX-License-Identifier: ISC */
/*
 * Percentiles of the pause: weighted by connections, in whatever order slots
 * are added.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/slot/pause_report.h"

static void
test_nothing(void **state)
{
	struct pause_report report = { 0 };

	(void)state;
	assert_int_equal(pause_report_connections(&report), 0);
	assert_int_equal(pause_report_percentile(&report, 99), 0);
	pause_report_add(&report, 0, 1000);
	assert_int_equal(pause_report_percentile(&report, 100), 0);
}

static void
test_weights(void **state)
{
	struct pause_report report = { 0 };

	(void)state;
	pause_report_add(&report, 10, 5000);
	pause_report_add(&report, 980, 100);
	pause_report_add(&report, 10, 2000);
	assert_int_equal(pause_report_connections(&report), 1000);
	assert_int_equal(pause_report_percentile(&report, 50), 100);
	assert_int_equal(pause_report_percentile(&report, 98), 100);
	assert_int_equal(pause_report_percentile(&report, 99), 2000);
	assert_int_equal(pause_report_percentile(&report, 100), 5000);
}

static void
test_too_many(void **state)
{
	struct pause_report report = { 0 };
	uint64_t i;

	(void)state;
	for (i = 0; i < SLOT_MAX_WORKERS + 10; i++)
		pause_report_add(&report, 1, 1000 - i);
	assert_int_equal(report.count, SLOT_MAX_WORKERS);
	assert_int_equal(pause_report_percentile(&report, 100), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
