/* SPDX-License-Identifier: ISC */
/* Unit tests of the histogram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/histogram.h"

static void
test_bounds_rise_and_hold_their_values(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		uint64_t bound = histogram_bound_us(i);

		assert_int_equal(histogram_bucket(bound), i);
		assert_int_equal(histogram_bucket(bound + 1), i + 1);
		assert_true(bound < histogram_bound_us(i + 1));
		/* At most a quarter to the next. */
		if (i >= 3 && i + 2 < HISTOGRAM_BUCKETS)
			assert_true(histogram_bound_us(i + 1) * 4 <= bound * 5);
	}
	assert_int_equal(histogram_bucket(0), 0);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bound_us(HISTOGRAM_BUCKETS - 2), 1 << 27);
	assert_true(histogram_bound_us(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static void
test_quantiles(void **state)
{
	struct histogram h;
	uint64_t us;

	(void)state;
	histogram_init(&h);
	assert_int_equal(histogram_quantile_us(&h, 0.5), 0);
	for (us = 1; us <= 10000; us++)
		histogram_record(&h, us);
	assert_int_equal(histogram_count(&h), 10000);
	assert_int_equal(histogram_sum_us(&h), 50005000);
	assert_in_range(histogram_quantile_us(&h, 0.5), 5000, 6250);
	assert_in_range(histogram_quantile_us(&h, 0.99), 9900, 12375);
	assert_int_equal(histogram_quantile_us(&h, 0), 1);
	assert_in_range(histogram_quantile_us(&h, 1), 10000, 12500);
	assert_int_equal(histogram_count_up_to(&h, 1024), 1024);
	assert_int_equal(histogram_count_up_to(&h, 1280), 1280);
	assert_int_equal(histogram_count_up_to(&h, 0), 0);
	assert_int_equal(histogram_count_up_to(&h, UINT64_MAX), 10000);
	histogram_init(&h);
	histogram_record(&h, UINT64_MAX / 2);
	assert_true(histogram_quantile_us(&h, 0.5) == UINT64_MAX);
}

static void
test_add(void **state)
{
	struct histogram a, b;

	(void)state;
	memset(&a, 0, sizeof(a));
	histogram_init(&b);
	histogram_record(&a, 5);
	histogram_record(&b, 5);
	histogram_record(&b, 500);
	histogram_add(&a, &b);
	assert_int_equal(histogram_count(&a), 3);
	assert_int_equal(histogram_sum_us(&a), 510);
	assert_int_equal(histogram_count_up_to(&a, 5), 2);
	assert_int_equal(histogram_count(&b), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds_rise_and_hold_their_values),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
