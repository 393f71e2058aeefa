/* SPDX-License-Identifier: ISC */
/* Unit tests of the growing text buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/textbuf.h"

static void
test_appends(void **state)
{
	struct textbuf buf;

	(void)state;
	textbuf_init(&buf, 1000);
	assert_string_equal(textbuf_text(&buf), "");
	textbuf_puts(&buf, "a");
	textbuf_putc(&buf, 'b');
	textbuf_append(&buf, "c\0d", 3);
	textbuf_printf(&buf, "-%d-%s", 42, "x");
	textbuf_append(&buf, NULL, 0);
	assert_int_equal(textbuf_error(&buf), 0);
	assert_int_equal(buf.len, 10);
	assert_memory_equal(textbuf_text(&buf), "abc\0d-42-x", 11);
	textbuf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(textbuf_text(&buf), "");
	textbuf_clear(&buf);
	assert_null(buf.data);
	textbuf_clear(&buf);
}

static void
test_grows_to_the_limit_and_not_beyond(void **state)
{
	struct textbuf buf;
	size_t i;

	(void)state;
	textbuf_init(&buf, 10000);
	for (i = 0; i < 10000; i++)
		textbuf_putc(&buf, (char)('a' + i % 26));
	assert_int_equal(textbuf_error(&buf), 0);
	assert_int_equal(buf.len, 10000);
	for (i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], (char)('a' + i % 26));
	textbuf_putc(&buf, 'x');
	assert_int_equal(textbuf_error(&buf), -EMSGSIZE);
	assert_int_equal(buf.len, 10000);
	textbuf_clear(&buf);
}

static void
test_errors_stick(void **state)
{
	struct textbuf buf;
	char *data = NULL;
	size_t len = 0;

	(void)state;
	textbuf_init(&buf, 4);
	textbuf_puts(&buf, "abc");
	textbuf_printf(&buf, "%s", "de");
	assert_int_equal(textbuf_error(&buf), -EMSGSIZE);
	/* It would fit, yet the text would have a hole. */
	textbuf_puts(&buf, "f");
	assert_string_equal(textbuf_text(&buf), "abc");
	assert_int_equal(textbuf_take(&buf, &data, &len), -EMSGSIZE);
	assert_null(data);
	/* Taking empties, and forgives. */
	textbuf_puts(&buf, "wxyz");
	assert_int_equal(textbuf_take(&buf, &data, &len), 0);
	assert_string_equal(data, "wxyz");
	assert_int_equal(len, 4);
	free(data);
	textbuf_init(&buf, 0);
	textbuf_puts(&buf, "");
	assert_int_equal(textbuf_take(&buf, &data, &len), 0);
	assert_string_equal(data, "");
	free(data);
}

static void
test_long_printf(void **state)
{
	struct textbuf buf;
	char line[3000];

	(void)state;
	memset(line, 'y', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	textbuf_init(&buf, 1 << 20);
	textbuf_printf(&buf, "<%s>", line);
	assert_int_equal(buf.len, sizeof(line) + 1);
	assert_int_equal(buf.data[buf.len - 1], '>');
	textbuf_clear(&buf);
}

static void
test_json(void **state)
{
	struct textbuf buf;
	char text[1000];

	(void)state;
	textbuf_init(&buf, 10000);
	textbuf_json(&buf, "a\"\n\xff", 4);
	assert_string_equal(textbuf_text(&buf), "\"a\\\"\\n\\ufffd\"");
	textbuf_reset(&buf);
	/* Longer than a chunk, with characters of three bytes across. */
	memset(text, 'x', sizeof(text));
	memcpy(text + 254, "\xe2\x82\xac", 3);
	textbuf_json(&buf, text, sizeof(text));
	assert_int_equal(buf.len, sizeof(text) + 2);
	assert_memory_equal(buf.data + 1, text, sizeof(text));
	textbuf_clear(&buf);
	textbuf_init(&buf, 100);
	textbuf_json(&buf, text, sizeof(text));
	assert_int_equal(textbuf_error(&buf), -EMSGSIZE);
	textbuf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_grows_to_the_limit_and_not_beyond),
		cmocka_unit_test(test_errors_stick),
		cmocka_unit_test(test_long_printf),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
