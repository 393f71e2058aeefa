/* SPDX-License-Identifier: ISC */
/* Unit tests of the strict parsers and of the formatters that undo them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/parse.h"

static void
test_u64(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1",
		"1.0", "1e3", "a", "1a" };
	uint64_t v = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &v), -EINVAL);
		assert_int_equal(v, 77);
	}
	assert_int_equal(parse_u64("0", 0, UINT64_MAX, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v),
	    0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &v),
	    -ERANGE);
	assert_int_equal(parse_u64("99999999999999999999999", 0, UINT64_MAX,
			     &v),
	    -ERANGE);
	/* Too big and then garbage is garbage. */
	assert_int_equal(parse_u64("99999999999999999999999x", 0, UINT64_MAX,
			     &v),
	    -EINVAL);
	assert_int_equal(parse_u64("5", 6, 9, &v), -ERANGE);
	assert_int_equal(parse_u64("10", 6, 9, &v), -ERANGE);
	assert_int_equal(parse_u64("6", 6, 9, &v), 0);
	assert_int_equal(parse_u64("0009", 6, 9, &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(parse_u64_n("123456", 3, 0, 999, &v), 0);
	assert_int_equal(v, 123);
	assert_int_equal(parse_u64_n("12\0", 3, 0, 999, &v), -EINVAL);
	assert_int_equal(parse_u64_n("", 0, 0, 999, &v), -EINVAL);
}

static void
test_i64(void **state)
{
	int64_t v = 5;

	(void)state;
	assert_int_equal(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX,
			     &v),
	    0);
	assert_true(v == INT64_MIN);
	assert_int_equal(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX,
			     &v),
	    0);
	assert_true(v == INT64_MAX);
	assert_int_equal(parse_i64("9223372036854775808", INT64_MIN, INT64_MAX,
			     &v),
	    -ERANGE);
	assert_int_equal(parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX,
			     &v),
	    -ERANGE);
	assert_int_equal(parse_i64("-0", -1, 1, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(parse_i64("-1", 0, 1, &v), -ERANGE);
	assert_int_equal(parse_i64("--1", -9, 9, &v), -EINVAL);
	assert_int_equal(parse_i64("-", -9, 9, &v), -EINVAL);
	assert_int_equal(parse_i64("- 1", -9, 9, &v), -EINVAL);
}

static void
test_double(void **state)
{
	static const char *const bad[] = { "", ".", ".5", "1.", "1e3", "inf",
		"nan", "0x1p3", " 1", "1 ", "1,5", "-", "+1", "1.2.3" };
	double v = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_double(bad[i], -9, 9, &v), -EINVAL);
	assert_true(v == 7);
	assert_int_equal(parse_double("0.01", 0, 1, &v), 0);
	assert_true(v == 0.01);
	assert_int_equal(parse_double("-2", -9, 9, &v), 0);
	assert_true(v == -2);
	assert_int_equal(parse_double("1.0000001", 0, 1, &v), -ERANGE);
	assert_int_equal(parse_double("1", 0, 1, &v), 0);
}

static void
test_bool(void **state)
{
	bool v = false;

	(void)state;
	assert_int_equal(parse_bool("true", &v), 0);
	assert_true(v);
	assert_int_equal(parse_bool("false", &v), 0);
	assert_false(v);
	assert_int_equal(parse_bool("True", &v), -EINVAL);
	assert_int_equal(parse_bool("1", &v), -EINVAL);
	assert_int_equal(parse_bool("", &v), -EINVAL);
}

static void
test_duration(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = { { "0", 0 }, { "0s", 0 }, { "1ms", 1 }, { "500ms", 500 },
		{ "15s", 15000 }, { "2m", 120000 }, { "1h", 3600000 },
		{ "7d", 604800000 } };
	static const char *const bad[] = { "", "15", "s", "15 s", "15S", "1.5s",
		"-1s", "1sec", "1m30s", "15s ", "00" };
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse_duration_ms(good[i].text, 0, UINT64_MAX,
				     &v),
		    0);
		assert_true(v == good[i].ms);
	}
	v = 3;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_duration_ms(bad[i], 0, UINT64_MAX, &v),
		    -EINVAL);
	assert_int_equal(parse_duration_ms("0", 1, 10, &v), -ERANGE);
	assert_int_equal(parse_duration_ms("11ms", 1, 10, &v), -ERANGE);
	assert_int_equal(parse_duration_ms("18446744073709551615d", 0,
			     UINT64_MAX, &v),
	    -ERANGE);
	assert_int_equal(parse_duration_ms("99999999999999999999s", 0,
			     UINT64_MAX, &v),
	    -ERANGE);
	assert_int_equal(parse_duration_ms("99999999999999999999x", 0,
			     UINT64_MAX, &v),
	    -EINVAL);
	assert_int_equal(v, 3);
}

static void
test_size(void **state)
{
	static const char *const bad[] = { "", "KiB", "1kb", "1KB", "1 KiB",
		"1K", "1.5MiB", "-1", "1MiB1" };
	uint64_t v;
	size_t i;

	(void)state;
	assert_int_equal(parse_size("512", 0, UINT64_MAX, &v), 0);
	assert_int_equal(v, 512);
	assert_int_equal(parse_size("64KiB", 0, UINT64_MAX, &v), 0);
	assert_int_equal(v, 65536);
	assert_int_equal(parse_size("1GiB", 0, UINT64_MAX, &v), 0);
	assert_int_equal(v, 1 << 30);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_size(bad[i], 0, UINT64_MAX, &v),
		    -EINVAL);
	assert_int_equal(parse_size("16777216TiB", 0, UINT64_MAX, &v), -ERANGE);
	assert_int_equal(parse_size("2MiB", 0, 1 << 20, &v), -ERANGE);
}

static void
test_format(void **state)
{
	char text[FORMAT_SCALAR_SIZE];

	(void)state;
	assert_int_equal(format_duration_ms(0, text, sizeof(text)), 1);
	assert_string_equal(text, "0");
	format_duration_ms(90000, text, sizeof(text));
	assert_string_equal(text, "90s");
	format_duration_ms(7200000, text, sizeof(text));
	assert_string_equal(text, "2h");
	format_duration_ms(1001, text, sizeof(text));
	assert_string_equal(text, "1001ms");
	format_size(1 << 20, text, sizeof(text));
	assert_string_equal(text, "1MiB");
	format_size(1000, text, sizeof(text));
	assert_string_equal(text, "1000");
	format_double(0.01, text, sizeof(text));
	assert_string_equal(text, "0.01");
	format_double(3, text, sizeof(text));
	assert_string_equal(text, "3");
	assert_int_equal(format_size(1 << 20, text, 4), 0);
	assert_int_equal(format_size(1 << 20, text, 5), 4);
	assert_int_equal(format_double(1e300, text, sizeof(text)), 0);
}

static void
test_format_undoes_parse(void **state)
{
	char text[FORMAT_SCALAR_SIZE];
	uint64_t x = 88172645463325252u;
	uint64_t v;
	double d;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint64_t value;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		value = x >> (i % 64);
		assert_true(format_duration_ms(value, text, sizeof(text)) > 0);
		assert_int_equal(parse_duration_ms(text, 0, UINT64_MAX, &v), 0);
		assert_true(v == value);
		assert_true(format_size(value, text, sizeof(text)) > 0);
		assert_int_equal(parse_size(text, 0, UINT64_MAX, &v), 0);
		assert_true(v == value);
		assert_true(format_double((double)(x % 1000000) / 100000, text,
				sizeof(text)) > 0);
		assert_int_equal(parse_double(text, 0, 10, &d), 0);
		assert_true(d == (double)(x % 1000000) / 100000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_undoes_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
