/* SPDX-License-Identifier: ISC */
/*
 * The command line of holdfastctl: options, commands, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/ctl/ctl_command.h"

#define MAX_WORDS 16

static char line_copy[512];
static char *line_words[MAX_WORDS];

/* Splits at blanks, as a shell would. */
static int
parse(const char *line, struct ctl_options *out, const char *complaint)
{
	struct textbuf error;
	char *rest = NULL, *word;
	int count = 0, rc;

	strncpy(line_copy, line, sizeof(line_copy) - 1);
	for (word = strtok_r(line_copy, " ", &rest);
	     word != NULL && count < MAX_WORDS - 1;
	     word = strtok_r(NULL, " ", &rest))
		line_words[count++] = word;
	line_words[count] = NULL;
	textbuf_init(&error, 4096);
	rc = ctl_options_parse(count, line_words, out, &error);
	if (complaint != NULL)
		assert_non_null(strstr(textbuf_text(&error), complaint));
	else
		assert_string_equal(textbuf_text(&error), "");
	textbuf_clear(&error);
	return rc;
}

static void
test_options_stand_anywhere(void **state)
{
	struct ctl_options options;

	(void)state;
	assert_int_equal(parse("ctl clients --limit 5 -j -s /x --filter a*",
			     &options, NULL),
	    0);
	assert_true(options.json);
	assert_string_equal(options.socket, "/x");
	assert_int_equal(options.limit, 5);
	assert_string_equal(options.filter, "a*");
	assert_int_equal(options.given, CTL_OPT_LIMIT | CTL_OPT_FILTER);
	assert_int_equal(options.word_count, 1);
	assert_string_equal(options.words[0], "clients");
	assert_int_equal(options.timeout_ms, 0);
}

static void
test_texts_may_look_like_options(void **state)
{
	struct ctl_options options;

	(void)state;
	assert_int_equal(parse("ctl -j send bob -- --limit", &options, NULL),
	    0);
	assert_int_equal(options.word_count, 3);
	assert_string_equal(options.words[2], "--limit");
	assert_int_equal(options.given, 0);
}

static void
test_values(void **state)
{
	struct ctl_options options;

	(void)state;
	assert_int_equal(parse("ctl -t 90s events --since 5m", &options, NULL),
	    0);
	assert_int_equal(options.timeout_ms, 90000);
	assert_int_equal(options.since_ms, 300000);
	assert_int_equal(options.interval_ms, 1000);
	assert_int_equal(parse("ctl clients --limit 10001", &options,
			     "--limit"),
	    -EINVAL);
	assert_int_equal(parse("ctl clients --limit -1", &options, "--limit"),
	    -EINVAL);
	assert_int_equal(parse("ctl -t 5 status", &options, "--timeout"),
	    -EINVAL);
	assert_int_equal(parse("ctl status --nonsense", &options,
			     "no such option"),
	    -EINVAL);
	assert_int_equal(parse("ctl status -s", &options, "missing"), -EINVAL);
}

/* Left out, they would make another request: of `pause', one without a reason;
 * of `upgrade', one to the default binary. */
static void
test_what_is_not_utf8_is_refused(void **state)
{
	static const char *const lines[] = {
		"ctl pause \xe9",
		"ctl where a b \xe9",
		"ctl upgrade --binary /tmp/\xe9",
		"ctl drain --profile gentle\xff",
		"ctl clients --filter \xc0\x80",
		"ctl kick alice --reason \xed\xa0\x80",
	};
	struct ctl_options options;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(lines[i], &options, "must be UTF-8"),
		    -EINVAL);
	assert_int_equal(parse("ctl -s /tmp/\xe9 pause \xc3\xa9", &options,
			     NULL),
	    0);
}

static const struct ctl_command *
find(const char *first, const char *second, int *out_words,
    const char **out_near)
{
	char a[32], b[32];
	char *words[] = { a, b };

	strncpy(a, first, sizeof(a) - 1);
	a[sizeof(a) - 1] = '\0';
	strncpy(b, second == NULL ? "" : second, sizeof(b) - 1);
	b[sizeof(b) - 1] = '\0';
	*out_near = NULL;
	return ctl_command_find(words, second == NULL ? 1 : 2, out_words,
	    out_near);
}

static void
test_commands_are_found(void **state)
{
	const struct ctl_command *command;
	const char *near;
	int words = 0;

	(void)state;
	for (command = ctl_commands; command->name != NULL; command++)
		assert_true(command->timeout_ms > 0 && command->run != NULL);
	command = find("status", NULL, &words, &near);
	assert_non_null(command);
	assert_int_equal(words, 1);
	command = find("config", "check", &words, &near);
	assert_non_null(command);
	assert_string_equal(command->name, "config check");
	assert_int_equal(words, 2);
	assert_null(find("config", NULL, &words, &near));
	assert_null(find("statu", NULL, &words, &near));
	assert_string_equal(near, "status");
	assert_null(find("", NULL, &words, &near));
}

static void
test_arguments_are_counted(void **state)
{
	const struct ctl_command *command;
	struct textbuf error;
	const char *near;
	int words;

	(void)state;
	textbuf_init(&error, 4096);
	command = find("send", NULL, &words, &near);
	assert_non_null(command);
	assert_int_equal(ctl_command_check(command, 2, 0, &error), 0);
	assert_int_equal(ctl_command_check(command, 1, 0, &error), -EINVAL);
	assert_non_null(strstr(textbuf_text(&error), "send CLIENT TEXT"));
	assert_int_equal(ctl_command_check(command, 3, 0, &error), -EINVAL);
	assert_int_equal(ctl_command_check(command, 2, CTL_OPT_FOLLOW, &error),
	    -EINVAL);
	assert_non_null(strstr(textbuf_text(&error), "--follow"));
	textbuf_clear(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_texts_may_look_like_options),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_what_is_not_utf8_is_refused),
		cmocka_unit_test(test_commands_are_found),
		cmocka_unit_test(test_arguments_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
