/* SPDX-License-Identifier: ISC */
/*
 * How many entries are read at once, so that a reply stays within bounds.
 */
#include "worker/relay/inbox_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_small(void **state)
{
	uint32_t count = 1;
	int replies = 0;

	(void)state;
	for (; count < INBOX_PACE_MAX; replies++) {
		assert_true(replies < 20);
		count = inbox_pace_next(count, count, (size_t)count * 300);
	}
	assert_int_equal(count, INBOX_PACE_MAX);
	assert_true(replies >= 8);
	/* Entries without bytes are possible. */
	assert_int_equal(inbox_pace_next(count, count, 0), INBOX_PACE_MAX);
	/* What was not there tells nothing. */
	assert_int_equal(inbox_pace_next(16, 0, 0), 16);
	assert_int_equal(inbox_pace_next(16, 3, 900), 16);
}

static void
test_large(void **state)
{
	const size_t sizes[] = { 1, 500, 60000, 1 << 20, 100 << 20 };
	uint32_t count;
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		count = 1;
		for (n = 0; n < 20; n++) {
			assert_true(
			    count == 1 || count * sizes[i] <= INBOX_PACE_BYTES);
			count = inbox_pace_next(count, count, count * sizes[i]);
		}
		/* as much as there may be */
		assert_true(count == INBOX_PACE_MAX ||
		    (count + 1) * sizes[i] > INBOX_PACE_BYTES);
	}
	assert_int_equal(inbox_pace_next(256, 3, 3 << 20), 1);
	assert_int_equal(inbox_pace_next(256, 256, 256 * 60000), 17);
}

static void
test_pause(void **state)
{
	(void)state;
	assert_int_equal(inbox_pace_pause_ms(0), 5);
	assert_int_equal(inbox_pace_pause_ms(60000), 5);
	assert_int_equal(inbox_pace_pause_ms(1 << 20), 21);
	assert_int_equal(inbox_pace_pause_ms(SIZE_MAX), 25);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
