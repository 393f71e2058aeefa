/* SPDX-License-Identifier: ISC */
/* Unit tests of the escaping of untrusted text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/escape.h"

static void
expect(enum escape_form form, const char *src, size_t len, const char *wanted)
{
	char out[256];
	size_t used;
	size_t n = escape_text(form, src, len, out, sizeof(out) - 1, &used);

	out[n] = '\0';
	assert_string_equal(out, wanted);
	assert_int_equal(used, len);
}

static void
test_ascii(void **state)
{
	(void)state;
	expect(ESCAPE_JSON, "plain text", 10, "plain text");
	expect(ESCAPE_JSON, "a\"b\\c\n\r\t", 8, "a\\\"b\\\\c\\n\\r\\t");
	expect(ESCAPE_JSON, "\x00\x1b\x7f", 3, "\\u0000\\u001b\\u007f");
	expect(ESCAPE_QUOTED, "", 0, "");
}

static void
test_utf8_passes_and_the_rest_does_not(void **state)
{
	(void)state;
	expect(ESCAPE_JSON, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	expect(ESCAPE_JSON, "a\xff\xc3", 3, "a\\ufffd\\ufffd");
	expect(ESCAPE_QUOTED, "a\xff\xc3", 3, "a\\xff\\xc3");
	/* Overlong slash, surrogate, beyond the last code point. */
	expect(ESCAPE_QUOTED, "\xc0\xaf", 2, "\\xc0\\xaf");
	expect(ESCAPE_QUOTED, "\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf");
	expect(ESCAPE_QUOTED, "\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
	expect(ESCAPE_QUOTED, "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
	/* What could fake or hide text on a terminal. */
	expect(ESCAPE_QUOTED, "\xc2\x9b\xe2\x80\xae\xe2\x80\xa8", 8,
	    "\\u009b\\u202e\\u2028");
}

static void
test_every_character_is_one_or_escaped(void **state)
{
	uint32_t cp;

	(void)state;
	for (cp = 0x80; cp <= 0x10ffff; cp += cp < 0x3000 ? 1 : 97) {
		char text[4];
		size_t len;

		if (cp < 0x800) {
			text[0] = (char)(0xc0 | cp >> 6);
			len = 2;
		} else if (cp < 0x10000) {
			text[0] = (char)(0xe0 | cp >> 12);
			text[1] = (char)(0x80 | (cp >> 6 & 0x3f));
			len = 3;
		} else {
			text[0] = (char)(0xf0 | cp >> 18);
			text[1] = (char)(0x80 | (cp >> 12 & 0x3f));
			text[2] = (char)(0x80 | (cp >> 6 & 0x3f));
			len = 4;
		}
		text[len - 1] = (char)(0x80 | (cp & 0x3f));
		assert_int_equal(escape_utf8_len(text, len),
		    cp >= 0xd800 && cp <= 0xdfff ? 0 : len);
		assert_int_equal(escape_utf8_len(text, len - 1), 0);
	}
	assert_int_equal(escape_utf8_len("", 0), 0);
}

static void
test_never_cuts_an_escape(void **state)
{
	static const char src[] = "a\n\xff\xe2\x82\xac\x01z";
	char out[64];
	size_t cap;

	(void)state;
	for (cap = 0; cap < sizeof(out); cap++) {
		size_t used, again;
		char whole[64];
		size_t n;

		memset(out, '#', sizeof(out));
		n = escape_text(ESCAPE_JSON, src, sizeof(src) - 1, out, cap,
		    &used);
		assert_true(n <= cap);
		if (cap < sizeof(out))
			assert_int_equal(out[cap], '#');
		/* What was written is what that much of src gives. */
		assert_int_equal(escape_text(ESCAPE_JSON, src, used, whole,
				     sizeof(whole), &again),
		    n);
		assert_memory_equal(out, whole, n);
	}
	escape_text(ESCAPE_JSON, src, sizeof(src) - 1, out, 3, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_utf8_passes_and_the_rest_does_not),
		cmocka_unit_test(test_every_character_is_one_or_escaped),
		cmocka_unit_test(test_never_cuts_an_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
