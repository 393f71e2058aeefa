/* SPDX-License-Identifier: ISC */
/* Unit tests of the clocks and of RFC 3339 texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/clock.h"

static void
test_clocks_agree(void **state)
{
	uint64_t ns = clock_mono_ns();
	uint64_t us = clock_mono_us();
	uint64_t ms = clock_mono_ms();
	uint64_t after = clock_mono_ns();

	(void)state;
	assert_true(ns / 1000 <= us && us <= after / 1000);
	assert_true(ns / 1000000 <= ms && ms <= after / 1000000);
	/* 2020 to 2100 */
	assert_in_range(clock_real_ms(), 1577836800000u, 4102444800000u);
	assert_true(clock_real_us() / 1000 >= 1577836800000u);
}

static void
expect(uint64_t ms, const char *text)
{
	char buf[CLOCK_RFC3339_SIZE];
	uint64_t back;

	assert_int_equal(clock_rfc3339_format(ms, buf, sizeof(buf)),
	    strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(clock_rfc3339_parse(text, &back), 0);
	assert_true(back == ms);
}

static void
test_format_and_parse(void **state)
{
	char buf[CLOCK_RFC3339_SIZE];

	(void)state;
	expect(0, "1970-01-01T00:00:00.000Z");
	expect(951782400123u, "2000-02-29T00:00:00.123Z");
	expect(1767323045678u, "2026-01-02T03:04:05.678Z");
	expect(253402300799999u, "9999-12-31T23:59:59.999Z");
	assert_int_equal(clock_rfc3339_format(253402300800000u, buf,
			     sizeof(buf)),
	    0);
	assert_int_equal(clock_rfc3339_format(0, buf, 24), 0);
	assert_int_equal(clock_rfc3339_format(0, buf, 25), 24);
}

static void
test_parse_forms(void **state)
{
	static const char *const bad[] = { "", "2026-01-02", "2026-13-02T0",
		"2026-01-02T03:04:05", "2026-1-02T03:04:05Z",
		"2026-02-29T03:04:05Z", "2100-02-29T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z",
		"2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05+0100", "2026-01-02T03:04:05Z ",
		"1970-01-01T00:00:00+00:01", "1969-12-31T23:59:59Z",
		"-026-01-02T03:04:05Z" };
	uint64_t ms = 9;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (clock_rfc3339_parse(bad[i], &ms) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(ms, 9);
	}
	assert_int_equal(clock_rfc3339_parse("2026-01-02 03:04:05z", &ms), 0);
	assert_true(ms == 1767323045000u);
	assert_int_equal(clock_rfc3339_parse("2026-01-02T05:04:05.6789+02:00",
			     &ms),
	    0);
	assert_true(ms == 1767323045678u);
	assert_int_equal(clock_rfc3339_parse("2026-01-01T22:34:05.6-04:30",
			     &ms),
	    0);
	assert_true(ms == 1767323045600u);
	assert_int_equal(clock_rfc3339_parse("2016-12-31T23:59:60Z", &ms), 0);
	assert_true(ms == 1483228799999u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_agree),
		cmocka_unit_test(test_format_and_parse),
		cmocka_unit_test(test_parse_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
