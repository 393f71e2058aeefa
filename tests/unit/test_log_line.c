/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of log lines: both formats, hostile values, lines that are cut.
 * jansson is the judge of what is JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/log_field.h"
#include "lib/log_line.h"

static const struct log_origin origin = { "g0", 42, 1767323045678u, false,
	true };

static size_t
format(enum log_format form, const struct log_field *fields, char *out)
{
	struct log_event event = { LOG_LEVEL_WARN, "kind_x", "a sentence", 0,
		fields };
	size_t n = log_line_format(form, &origin, &event, out);

	assert_in_range(n, 1, LOG_LINE_SIZE);
	assert_int_equal(out[n - 1], '\n');
	assert_null(memchr(out, '\n', n - 1));
	out[n - 1] = '\0';
	return n - 1;
}

#define FORMAT(form, out, ...)                                                 \
	format(form, (const struct log_field[]){ __VA_ARGS__, log_end() }, out)

static void
test_logfmt(void **state)
{
	char line[LOG_LINE_SIZE];

	(void)state;
	FORMAT(LOG_FORMAT_LOGFMT, line, log_int("i", -5),
	    log_uint("u", UINT64_MAX), log_text("bare", "a-b_c.d:9"),
	    log_text("quoted", "a b"), log_text("empty", ""),
	    log_text("null", NULL), log_text("equals", "a=b"),
	    log_bool("on", true), log_double("d", 0.25), log_errno(-ENOENT));
	assert_string_equal(line,
	    "ts=2026-01-02T03:04:05.678Z level=warn proc=g0 pid=42 "
	    "event=kind_x msg=\"a sentence\" i=-5 u=18446744073709551615 "
	    "bare=a-b_c.d:9 quoted=\"a b\" empty=\"\" null=\"\" "
	    "equals=\"a=b\" on=true d=0.25 "
	    "error=\"No such file or directory\"");
}

static void
test_json(void **state)
{
	char line[LOG_LINE_SIZE];

	(void)state;
	FORMAT(LOG_FORMAT_JSON, line, log_int("i", INT64_MIN),
	    log_text("hostile", "\"},{\n\xff"), log_bool("on", false),
	    log_double("nan", NAN), log_double("big", 1e300),
	    log_errno(EACCES));
	assert_string_equal(line,
	    "{\"ts\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warn\","
	    "\"proc\":\"g0\",\"pid\":42,\"event\":\"kind_x\","
	    "\"msg\":\"a sentence\",\"i\":-9223372036854775808,"
	    "\"hostile\":\"\\\"},{\\n\\ufffd\",\"on\":false,\"nan\":null,"
	    "\"big\":1.000000000e+300,\"error\":\"Permission denied\"}");
}

static void
test_prefixes(void **state)
{
	struct log_origin journal = { "", 7, 0, true, false };
	struct log_event event = { LOG_LEVEL_ERROR, "k", NULL, 12, NULL };
	char line[LOG_LINE_SIZE];
	size_t n;

	(void)state;
	n = log_line_format(LOG_FORMAT_LOGFMT, &journal, &event, line);
	line[n] = '\0';
	assert_string_equal(line,
	    "<3>level=error pid=7 event=k suppressed=12\n");
	assert_int_equal(log_level_priority(LOG_LEVEL_DEBUG), 7);
	assert_int_equal(log_level_priority(LOG_LEVEL_NOTICE), 5);
}

static void
test_names(void **state)
{
	enum log_level level;
	enum log_format form;
	int i;

	(void)state;
	for (i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_ERROR; i++) {
		assert_int_equal(
		    log_level_parse(log_level_name((enum log_level)i), &level),
		    0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("warning", &level), -EINVAL);
	assert_int_equal(log_format_parse("json", &form), 0);
	assert_int_equal(form, LOG_FORMAT_JSON);
	assert_int_equal(log_format_parse("xml", &form), -EINVAL);
	assert_string_equal(log_format_name(LOG_FORMAT_LOGFMT), "logfmt");
}

/* Random fields of random sizes: always one whole line, valid JSON. */
static void
test_every_line_is_well_formed(void **state)
{
	char bytes[3000];
	char line[LOG_LINE_SIZE];
	uint32_t x = 2463534242u;
	size_t i;
	int round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		struct log_field fields[9];
		json_error_t error;
		json_t *json;
		size_t n;

		for (i = 0; i < sizeof(bytes); i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			bytes[i] = round % 2 == 0 ? (char)x :
						    (char)(' ' + x % 90);
		}
		for (i = 0; i < 8; i++)
			fields[i] = log_bytes(&"abcdefgh"[i], bytes + i,
			    (x >> i) % 2900 / (1u << (x >> (i + 8) & 7)));
		fields[8] = log_end();
		n = format(LOG_FORMAT_JSON, fields, line);
		json = json_loadb(line, n, JSON_ALLOW_NUL, &error);
		if (json == NULL)
			fail_msg("%s in %s", error.text, line);
		json_decref(json);
		format(LOG_FORMAT_LOGFMT, fields, line);
	}
}

static void
test_what_does_not_fit_is_marked(void **state)
{
	char value[2000];
	char line[LOG_LINE_SIZE];

	(void)state;
	memset(value, 'x', sizeof(value));
	/* A long value is cut on its own ... */
	FORMAT(LOG_FORMAT_JSON, line, log_bytes("a", value, sizeof(value)),
	    log_int("after", 1));
	assert_non_null(strstr(line, "xxx...\",\"after\":1}"));
	assert_null(strstr(line, "truncated"));
	/* ... and too many of them end the line. */
	FORMAT(LOG_FORMAT_JSON, line, log_bytes("a", value, 1000),
	    log_bytes("b", value, 1000), log_bytes("c", value, 1000),
	    log_bytes("d", value, 1000), log_int("after", 1));
	assert_non_null(strstr(line, "xxx\",\"truncated\":true}"));
	FORMAT(LOG_FORMAT_LOGFMT, line, log_bytes("a", value, 1000),
	    log_bytes("b", value, 1000), log_bytes("c", value, 1000),
	    log_bytes("d", value, 1000), log_int("after", 1));
	assert_non_null(strstr(line, "xxx truncated=true"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logfmt),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_line_is_well_formed),
		cmocka_unit_test(test_what_does_not_fit_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
