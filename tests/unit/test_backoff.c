/* SPDX-License-Identifier: ISC */
/* Unit tests of the back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/backoff.h"

static void
test_doubles_up_to_the_cap(void **state)
{
	static const uint32_t most[] = { 100, 200, 400, 800, 1000, 1000 };
	struct backoff low, high;
	size_t i;

	(void)state;
	backoff_init(&low, 100, 1000);
	backoff_init(&high, 100, 1000);
	for (i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		assert_int_equal(backoff_next(&low, 0), most[i] / 2);
		assert_int_equal(backoff_next(&high, UINT32_MAX), most[i]);
	}
	backoff_reset(&low);
	assert_int_equal(backoff_next(&low, 0), 50);
}

static void
test_extremes(void **state)
{
	struct backoff backoff;
	int i;

	(void)state;
	backoff_init(&backoff, 1, UINT32_MAX);
	for (i = 0; i < 100; i++)
		assert_true(backoff_next(&backoff, 0) >= 1);
	assert_int_equal(backoff_next(&backoff, UINT32_MAX), UINT32_MAX);
	backoff.attempt = UINT32_MAX;
	assert_true(backoff_next(&backoff, 0) >= UINT32_MAX / 2);
	assert_true(backoff.attempt == UINT32_MAX);
	backoff_init(&backoff, 0, 1000);
	assert_int_equal(backoff_next(&backoff, UINT32_MAX), 0);
	/* A base above the cap. */
	backoff_init(&backoff, 5000, 1000);
	assert_int_equal(backoff_next(&backoff, UINT32_MAX), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_up_to_the_cap),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
