/* SPDX-License-Identifier: ISC */
/*
 * Hostile texts on a terminal, and numbers with units.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/ctl/ctl_text.h"

static void
assert_cell(const char *text, const char *expected)
{
	struct textbuf out;

	textbuf_init(&out, 4096);
	ctl_text_cell(&out, text);
	assert_string_equal(textbuf_text(&out), expected);
	textbuf_clear(&out);
}

static void
test_cells_cannot_move_the_cursor(void **state)
{
	(void)state;
	assert_cell("alice", "alice");
	assert_cell("", "");
	assert_cell("say \"hi\"", "say \"hi\"");
	assert_cell("\033[2Jx", "\\u001b[2Jx");
	assert_cell("a\nb\tc\r", "a\\nb\\tc\\r");
	/* Not to be taken for an escape of ours. */
	assert_cell("\\x1b", "\\\\x1b");
	assert_cell("gr\303\274n", "gr\303\274n");
	assert_cell("\377", "\\xff");
}

static void
test_messages_keep_their_lines(void **state)
{
	struct textbuf out;

	(void)state;
	textbuf_init(&out, 4096);
	ctl_text_lines(&out, "a.conf:1: \"x\"\nC:\\b\033");
	assert_string_equal(textbuf_text(&out),
	    "a.conf:1: \"x\"\nC:\\b\\u001b");
	textbuf_clear(&out);
}

static void
test_width_counts_characters(void **state)
{
	(void)state;
	assert_int_equal(ctl_text_width(""), 0);
	assert_int_equal(ctl_text_width("abc"), 3);
	assert_int_equal(ctl_text_width("gr\303\274n"), 4);
}

static void
test_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1.0KiB" },
		{ 1536, "1.5KiB" },
		{ 10240, "10KiB" },
		{ 1048575, "1.0MiB" },
		{ 1073741824, "1.0GiB" },
		{ UINT64_MAX, "16384PiB" },
	};
	char text[CTL_NUMBER_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ctl_text_bytes(cases[i].bytes, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void
test_times(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0ms" },
		{ 999, "999ms" },
		{ 1000, "1.0s" },
		{ 9940, "9.9s" },
		{ 59999, "60s" },
		{ 60000, "1m0s" },
		{ 3599999, "59m59s" },
		{ 3600000, "1h0m" },
		{ 86400000, "1d0h" },
		{ 187200000, "2d4h" },
	};
	char text[CTL_NUMBER_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ctl_text_duration(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
	ctl_text_us(340, text);
	assert_string_equal(text, "0.3ms");
	ctl_text_us(12000, text);
	assert_string_equal(text, "12ms");
	ctl_text_us(3500000, text);
	assert_string_equal(text, "3.5s");
}

static void
test_bar(void **state)
{
	char bar[CTL_BAR_SIZE];

	(void)state;
	ctl_text_bar(0, 40, bar);
	assert_string_equal(bar, "[..............................]");
	ctl_text_bar(20, 40, bar);
	assert_string_equal(bar, "[###############...............]");
	ctl_text_bar(40, 40, bar);
	assert_string_equal(bar, "[##############################]");
	ctl_text_bar(0, 0, bar);
	assert_string_equal(bar, "[##############################]");
	/* What holdfastd says is not believed. */
	ctl_text_bar(-1, 40, bar);
	assert_string_equal(bar, "[..............................]");
	ctl_text_bar(INT64_MAX, 40, bar);
	assert_string_equal(bar, "[##############################]");
}

static void
test_rates(void **state)
{
	char text[CTL_NUMBER_SIZE];

	(void)state;
	ctl_text_rate(0, text);
	assert_string_equal(text, "0");
	ctl_text_rate(0.04, text);
	assert_string_equal(text, "0");
	ctl_text_rate(12.5, text);
	assert_string_equal(text, "12.5");
	ctl_text_rate(3100.2, text);
	assert_string_equal(text, "3100");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells_cannot_move_the_cursor),
		cmocka_unit_test(test_messages_keep_their_lines),
		cmocka_unit_test(test_width_counts_characters),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_bar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
