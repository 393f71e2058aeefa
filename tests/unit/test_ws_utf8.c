/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the UTF-8 validator: chosen strings, every character, every
 * lead with every second byte, and random bytes against a naive decoder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/ws_utf8.h"

/* How a text fares: valid, or valid as far as it goes, or refused at a byte. */
#define COMPLETE   SIZE_MAX
#define INCOMPLETE (SIZE_MAX - 1)

#define ASCII_32 "0123456789ABCDEFghijklmnopqrstuv"

/* Can these bytes be the beginning of a character?  By decoding them all. */
static int
can_begin(const uint8_t *p, size_t n)
{
	static const uint32_t lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t low, high;
	size_t need, i;

	need = p[0] < 0x80 ? 1 :
	    p[0] < 0xc0	   ? 0 :
	    p[0] < 0xe0	   ? 2 :
	    p[0] < 0xf0	   ? 3 :
	    p[0] < 0xf8	   ? 4 :
			     0;
	if (need == 0 || n > need)
		return (0);
	if (need == 1)
		return (1);
	low = p[0] & (0x7fu >> need);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (0);
		low = low << 6 | (p[i] & 0x3f);
	}
	high = low;
	for (; i < need; i++) {
		low <<= 6;
		high = high << 6 | 0x3f;
	}
	if (high < lowest[need] || low > 0x10ffff)
		return (0);
	return (!(low >= 0xd800 && high <= 0xdfff));
}

static size_t
naive(const uint8_t *p, size_t n)
{
	size_t start = 0, i, need;

	for (i = 0; i < n; i++) {
		if (!can_begin(p + start, i + 1 - start))
			return (i);
		need = p[start] < 0x80 ? 1 :
		    p[start] < 0xe0    ? 2 :
		    p[start] < 0xf0    ? 3 :
					 4;
		if (i + 1 - start == need)
			start = i + 1;
	}
	return (start == n ? COMPLETE : INCOMPLETE);
}

/* The same by the module, fed in pieces of the given size. */
static size_t
by_pieces(const uint8_t *p, size_t n, size_t piece)
{
	uint32_t state = WS_UTF8_START;
	size_t at, len;

	for (at = 0; at < n; at += len) {
		len = n - at < piece ? n - at : piece;
		if (ws_utf8_feed(&state, p + at, len) != 0) {
			/* Refused stays refused. */
			assert_int_equal(ws_utf8_feed(&state,
					     (const uint8_t *)"a", 1),
			    -EILSEQ);
			assert_int_equal(ws_utf8_done(state), -EILSEQ);
			return (at);
		}
	}
	return (ws_utf8_done(state) == 0 ? COMPLETE : INCOMPLETE);
}

static void
check(const uint8_t *text, size_t n)
{
	uint8_t *p = malloc(n > 0 ? n : 1);
	size_t want, got, i;
	uint32_t state;

	assert_non_null(p);
	if (n > 0)
		memcpy(p, text, n);
	want = naive(p, n);
	/* Byte by byte it must fail at the very byte that proves it. */
	got = by_pieces(p, n, 1);
	if (got != want)
		fail_msg("byte by byte: %zu, not %zu", got, want);
	got = by_pieces(p, n, n > 0 ? n : 1);
	if (want >= INCOMPLETE ? got != want : got != 0)
		fail_msg("at once: %zu, not %zu", got, want);
	for (i = 0; i <= n; i++) {
		int error;

		state = WS_UTF8_START;
		error = ws_utf8_feed(&state, p, i);
		assert_int_equal(error, want < i ? -EILSEQ : 0);
		error = ws_utf8_feed(&state, p + i, n - i);
		assert_int_equal(error, want < INCOMPLETE ? -EILSEQ : 0);
		assert_int_equal(ws_utf8_done(state),
		    want == COMPLETE ? 0 : -EILSEQ);
	}
	free(p);
}

static void
check_text(const char *text, int valid)
{
	check((const uint8_t *)text, strlen(text));
	assert_int_equal(naive((const uint8_t *)text, strlen(text)) == COMPLETE,
	    valid);
}

static void
test_chosen(void **state)
{
	static const char *const good[] = { "", "a", "Hello-\xc2\xb5@\xc3\x9f",
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "\xc2\x80",
		"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"\xef\xbb\xbf with a byte order mark" };
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80",
		"\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xf5\x80",
		"\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xc3", "\xe2\x82",
		"\xf0\x9f\x98", "\xc3(", "\xe2(\xa1", "\xe2\x82(",
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xb5\xf4\x90\x80\x80",
		"0123456789abcdef0123456789abcdef\xff" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_text(good[i], 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_text(bad[i], 0);
	/* Into the fast path, out of it and in again. */
	check_text(ASCII_32 "\xc3\xa4" ASCII_32 "\xf0\x9f\x98\x80x", 1);
	check_text(ASCII_32 "\xc3" ASCII_32, 0);
	check_text(ASCII_32 "\xc3\xa4" ASCII_32 "\xa4", 0);
}

/* Autobahn 6.4: the 13th byte proves it, and no earlier one may. */
static void
test_earliest_byte(void **state)
{
	static const char text[] = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"
				   "\xb5\xf4\x90\x80\x80";
	uint32_t now = WS_UTF8_START;

	(void)state;
	assert_int_equal(ws_utf8_feed(&now, (const uint8_t *)text, 12), 0);
	assert_int_equal(ws_utf8_feed(&now, (const uint8_t *)text + 12, 1),
	    -EILSEQ);
}

static size_t
encode(uint32_t c, uint8_t *out)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return (1);
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return (2);
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return (3);
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return (4);
}

static void
test_every_character(void **state)
{
	uint8_t bytes[4];
	uint32_t c, now;
	size_t n;
	int error;

	(void)state;
	for (c = 0; c < 0x200000; c++) {
		n = encode(c, bytes);
		now = WS_UTF8_START;
		error = ws_utf8_feed(&now, bytes, n);
		if (error == 0)
			error = ws_utf8_done(now);
		if ((error == 0) !=
		    (c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff)))
			fail_msg("U+%X: %d", c, error);
	}
}

static void
test_every_pair(void **state)
{
	uint8_t bytes[4] = { 0, 0, 0x80, 0xbf };
	int a, b;

	(void)state;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			bytes[0] = (uint8_t)a;
			bytes[1] = (uint8_t)b;
			check(bytes, 2);
			check(bytes, 3);
			check(bytes, 4);
		}
	}
}

static void
test_random(void **state)
{
	uint8_t text[96];
	size_t n, len, i, spoil;
	int round;

	(void)state;
	srandom(20);
	for (round = 0; round < 20000; round++) {
		n = 0;
		len = (size_t)random() % 80;
		while (n < len) {
			/* Runs of ASCII make the fast path start and stop. */
			uint32_t kind = (uint32_t)random() % 8;
			uint32_t c = (uint32_t)random();

			c %= kind < 4 ? 0x80 :
			    kind < 6  ? 0x800 :
			    kind < 7  ? 0x10000 :
					0x110000;
			if (c >= 0xd800 && c <= 0xdfff)
				c = 0xfffd;
			n += encode(c, text + n);
		}
		spoil = (size_t)random() % 3;
		for (i = 0; n > 0 && i < spoil; i++)
			text[(size_t)random() % n] = (uint8_t)random();
		check(text, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_earliest_byte),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_random),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
