/* SPDX-License-Identifier: ISC */
/* Unit tests of permessage-deflate's payload transformation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <zlib.h>

#include "worker/gateway/ws_deflate.h"

#define BIG (300 * 1024)

static int
set_up(void **state)
{
	struct ws_deflate *ctx;

	if (ws_deflate_new(3, &ctx) != 0)
		return (-1);
	*state = ctx;
	return (0);
}

static int
tear_down(void **state)
{
	ws_deflate_free(*state);
	return (0);
}

static uint8_t *
allocate(size_t n)
{
	uint8_t *p = malloc(n > 0 ? n : 1);

	assert_non_null(p);
	return (p);
}

/* Words out of a small vocabulary, or noise. */
static void
fill(uint8_t *p, size_t n, unsigned int seed, bool noise)
{
	static const char *const words[] = { "keep ", "slot ", "tenant ",
		"{\"message_id\": ", "0123456789", "arena ", "\n" };
	size_t i = 0, len;
	const char *word;

	srandom(seed);
	while (i < n) {
		if (noise) {
			p[i++] = (uint8_t)random();
			continue;
		}
		word = words[(size_t)random() % 7];
		len = strlen(word) < n - i ? strlen(word) : n - i;
		memcpy(p + i, word, len);
		i += len;
	}
}

/*
 * Inflate with input and output in pieces of the given sizes; returns the
 * result, the message in out (cap bytes).
 */
static int
inflate_pieces(struct ws_deflate *ctx, const uint8_t *p, size_t n,
    size_t in_piece, size_t out_piece, uint64_t max, uint8_t *out, size_t cap,
    size_t *out_len)
{
	size_t at = 0, len, used, made, room, total = 0;
	bool last;
	int result;

	ws_inflate_begin(ctx, max);
	for (;;) {
		len = n - at < in_piece ? n - at : in_piece;
		last = at + len == n;
		room = cap - total < out_piece ? cap - total : out_piece;
		result = ws_inflate_step(ctx, p + at, len, last, out + total,
		    room, &used, &made);
		assert_true(used <= len && made <= room);
		at += used;
		total += made;
		if (result == WS_INFLATE_NEED_OUT) {
			assert_int_equal(made, room);
			assert_true(total < cap);
			continue;
		}
		if (result == WS_INFLATE_NEED_IN) {
			assert_false(last);
			assert_int_equal(used, len);
			continue;
		}
		*out_len = total;
		return (result);
	}
}

static void
assert_inflates(struct ws_deflate *ctx, const char *bytes, size_t n,
    const char *want)
{
	uint8_t out[64];
	size_t in_piece, out_piece, len, want_len = strlen(want);

	for (in_piece = 1; in_piece <= n + 1; in_piece++) {
		for (out_piece = 1; out_piece <= want_len + 1; out_piece++) {
			assert_int_equal(inflate_pieces(ctx,
					     (const uint8_t *)bytes, n,
					     in_piece, out_piece, want_len, out,
					     sizeof(out), &len),
			    0);
			assert_int_equal(len, want_len);
			assert_memory_equal(out, want, want_len);
		}
	}
}

/* RFC 7692 section 7.2.3 */
static void
test_rfc_examples(void **state)
{
	struct ws_deflate *ctx = *state;

	assert_inflates(ctx, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
	assert_inflates(ctx, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11,
	    "Hello");
	assert_inflates(ctx, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello");
	assert_inflates(ctx,
	    "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13,
	    "Hello");
	assert_inflates(ctx, "\x00", 1, "");
	assert_inflates(ctx, "\x02\x00", 2, "");
}

/* What others send, although the RFC has it a little differently. */
static void
test_lenient(void **state)
{
	struct ws_deflate *ctx = *state;

	assert_inflates(ctx, "", 0, "");
	assert_inflates(ctx, "\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
	/* The tail belongs to a second final block. */
	assert_inflates(ctx, "\xf3\x48\xcd\xc9\xc9\x07\x00\x01", 8, "Hello");
	/* A block follows a final block, and refers to it. */
	assert_inflates(ctx,
	    "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", 14,
	    "HelloHello");
	assert_inflates(ctx, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00",
	    12, "HelloHello");
}

static void
assert_fails(struct ws_deflate *ctx, const char *bytes, size_t n, int error)
{
	uint8_t out[64];
	size_t len, piece, used, made;

	for (piece = 1; piece <= n; piece++) {
		assert_int_equal(inflate_pieces(ctx, (const uint8_t *)bytes, n,
				     piece, 3, 60, out, sizeof(out), &len),
		    error);
		/* It stays so until the next message begins. */
		assert_int_equal(ws_inflate_step(ctx, (const uint8_t *)"\x00",
				     1, true, out, 8, &used, &made),
		    -EPROTO);
	}
}

static void
test_garbage(void **state)
{
	struct ws_deflate *ctx = *state;

	assert_fails(ctx, "\xff", 1, -EPROTO);
	assert_fails(ctx, "\x07\x07", 2, -EPROTO);
	/* Cut short. */
	assert_fails(ctx, "\xf2\x48\xcd\xc9", 4, -EPROTO);
	assert_fails(ctx, "\x00\x05\x00\xfa\xff\x48\x65", 7, -EPROTO);
	assert_fails(ctx, "\x00\x05\x00", 3, -EPROTO);
	/* The tail was not removed: a second one does not begin a block. */
	assert_fails(ctx, "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11,
	    -EPROTO);
	/* The lengths of a stored block do not agree. */
	assert_fails(ctx, "\x00\x05\x00\xfb\xff\x48\x65\x6c\x6c\x6f\x00", 11,
	    -EPROTO);
	/* A distance in front of the message. */
	assert_fails(ctx, "\xf2\x00\x11\x00\x00", 5, -EPROTO);
	/* Garbage behind a final block. */
	assert_fails(ctx, "\xf3\x48\xcd\xc9\xc9\x07\x00xyz", 10, -EPROTO);
	assert_fails(ctx, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00", 9, -EPROTO);
}

/* No message may use what an earlier one has left in the window. */
static void
test_no_context_between_messages(void **state)
{
	struct ws_deflate *ctx = *state;
	uint8_t first[64], second[64];
	const uint8_t text[] = "the same words in both messages";
	size_t first_len, second_len;

	assert_inflates(ctx, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
	assert_fails(ctx, "\xf2\x00\x11\x00\x00", 5, -EPROTO);
	assert_int_equal(ws_deflate_message(ctx, text, sizeof(text), 15, first,
			     sizeof(first), &first_len),
	    0);
	assert_int_equal(ws_deflate_message(ctx, text, sizeof(text), 15, second,
			     sizeof(second), &second_len),
	    0);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
}

static void
test_size_limit(void **state)
{
	struct ws_deflate *ctx = *state;
	uint8_t *bomb = allocate(BIG), *zip, *out = allocate(BIG + 1);
	size_t cap = ws_deflate_bound(BIG), zip_len, len, piece, used, made;

	zip = allocate(cap);
	memset(bomb, 0, BIG);
	assert_int_equal(ws_deflate_message(ctx, bomb, BIG, 15, zip, cap,
			     &zip_len),
	    0);
	assert_true(zip_len < BIG / 100);
	for (piece = 1; piece < 100000; piece = piece * 7 + 1) {
		assert_int_equal(inflate_pieces(ctx, zip, zip_len, zip_len,
				     piece, BIG, out, BIG + 1, &len),
		    0);
		assert_int_equal(len, BIG);
		assert_int_equal(inflate_pieces(ctx, zip, zip_len, zip_len,
				     piece, BIG - 1, out, BIG, &len),
		    -EMSGSIZE);
		assert_true(len <= BIG - 1);
		assert_int_equal(inflate_pieces(ctx, zip, zip_len, 1, piece, 0,
				     out, BIG, &len),
		    -EMSGSIZE);
		assert_int_equal(len, 0);
	}
	/* Too long is the verdict even when garbage follows. */
	ws_inflate_begin(ctx, 4);
	assert_int_equal(ws_inflate_step(ctx,
			     (const uint8_t *)"\x00\x05\x00\xfa\xffHello\x07",
			     11, true, out, 4, &used, &made),
	    -EMSGSIZE);
	/* Exactly as large as allowed, and as the buffer. */
	assert_int_equal(inflate_pieces(ctx, zip, zip_len, 5, BIG, BIG, out,
			     BIG, &len),
	    0);
	free(bomb);
	free(zip);
	free(out);
}

/* zlib with this window must understand it, with as little room as it has. */
static void
assert_within_window(const uint8_t *zip, size_t zip_len, int bits,
    const uint8_t *want, size_t n)
{
	z_stream z;
	uint8_t byte;
	size_t i;

	memset(&z, 0, sizeof(z));
	assert_int_equal(inflateInit2(&z, -bits), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)zip;
	z.avail_in = (uInt)zip_len;
	for (i = 0; i < n; i++) {
		z.next_out = &byte;
		z.avail_out = 1;
		assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
		assert_int_equal(z.avail_out, 0);
		assert_int_equal(byte, want[i]);
	}
	inflateEnd(&z);
}

static void
round_trip(struct ws_deflate *ctx, size_t n, int bits, bool noise)
{
	size_t cap = ws_deflate_bound(n), zip_len, len, pieces;
	uint8_t *text = allocate(n), *zip = allocate(cap);
	uint8_t *out = allocate(n + 1);

	fill(text, n, (unsigned int)(n + (size_t)bits), noise);
	assert_int_equal(ws_deflate_message(ctx, text, n, bits, zip, cap,
			     &zip_len),
	    0);
	for (pieces = 1; pieces <= 1000; pieces = pieces * 10 + 3) {
		assert_int_equal(inflate_pieces(ctx, zip, zip_len, pieces,
				     pieces * 3, n, out, n + 1, &len),
		    0);
		assert_int_equal(len, n);
		assert_memory_equal(out, text, n);
	}
	assert_within_window(zip, zip_len, bits, text, n);
	free(text);
	free(zip);
	free(out);
}

static void
test_round_trips(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 5, 125, 126, 249, 250, 251,
		511, 1000, 3834, 3835, 4096, 16383, 16384, 65535, 65536, BIG };
	size_t i;
	int bits;

	for (bits = 8; bits <= 15; bits++) {
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			round_trip(*state, sizes[i], bits, false);
			round_trip(*state, sizes[i], bits, true);
		}
	}
}

/* An equal stretch far back is found with a large window and not beyond. */
static void
test_window_is_kept(void **state)
{
	uint8_t text[4000], zip[5000];
	size_t zip_len, limited;

	fill(text, 2000, 1, true);
	memcpy(text + 2000, text, 2000);
	assert_int_equal(ws_deflate_message(*state, text, sizeof(text), 15, zip,
			     sizeof(zip), &zip_len),
	    0);
	assert_true(zip_len < 2200);
	assert_int_equal(ws_deflate_message(*state, text, sizeof(text), 10, zip,
			     sizeof(zip), &limited),
	    0);
	assert_true(limited > 3900);
	assert_within_window(zip, limited, 10, text, sizeof(text));
}

static void
test_room(void **state)
{
	uint8_t text[1000], zip[1200], *exact;
	size_t zip_len, len, cap;

	fill(text, sizeof(text), 3, false);
	assert_int_equal(ws_deflate_message(*state, text, sizeof(text), 15, zip,
			     sizeof(zip), &zip_len),
	    0);
	for (cap = 0; cap < zip_len + 10; cap++) {
		int result;

		exact = allocate(cap);
		len = 77;
		result = ws_deflate_message(*state, text, sizeof(text), 15,
		    exact, cap, &len);
		if (cap < zip_len)
			assert_int_equal(result, -ENOSPC);
		if (result != 0)
			assert_int_equal(len, 77);
		else
			assert_memory_equal(exact, zip, zip_len);
		free(exact);
	}
	/* What does not shrink is refused with the room of the message. */
	fill(text, sizeof(text), 3, true);
	assert_int_equal(ws_deflate_message(*state, text, sizeof(text), 15, zip,
			     sizeof(text), &len),
	    -ENOSPC);
	assert_int_equal(ws_deflate_message(*state, text, 1, 7, zip, 100, &len),
	    -EINVAL);
	assert_int_equal(ws_deflate_message(*state, text, 1, 16, zip, 100,
			     &len),
	    -EINVAL);
}

static void
test_empty_message(void **state)
{
	uint8_t zip[80];
	size_t len, used, made;

	assert_int_equal(ws_deflate_message(*state, NULL, 0, 15, zip,
			     ws_deflate_bound(0), &len),
	    0);
	assert_int_equal(len, 1);
	assert_int_equal(zip[0], 0);
	ws_inflate_begin(*state, 0);
	assert_int_equal(ws_inflate_step(*state, NULL, 0, false, NULL, 0, &used,
			     &made),
	    WS_INFLATE_NEED_IN);
	assert_int_equal(ws_inflate_step(*state, zip, 1, true, NULL, 0, &used,
			     &made),
	    WS_INFLATE_DONE);
	assert_int_equal(used, 1);
	assert_int_equal(made, 0);
}

static void
test_levels(void **state)
{
	struct ws_deflate *ctx;
	int level;

	(void)state;
	assert_int_equal(ws_deflate_new(0, &ctx), -EINVAL);
	assert_int_equal(ws_deflate_new(10, &ctx), -EINVAL);
	for (level = 1; level <= 9; level++) {
		assert_int_equal(ws_deflate_new(level, &ctx), 0);
		round_trip(ctx, 70000, 15, false);
		ws_deflate_free(ctx);
	}
	ws_deflate_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_examples),
		cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_no_context_between_messages),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_window_is_kept),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_empty_message),
		cmocka_unit_test(test_levels),
	};

	return (cmocka_run_group_tests(tests, set_up, tear_down));
}
