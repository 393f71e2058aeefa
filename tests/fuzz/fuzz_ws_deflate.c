/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes permessage-deflate.  The first two bytes give the sizes of pieces and
 * the window; the rest is once garbage to be inflated, in one go and in
 * pieces with equal results, and once a message that must survive the round
 * trip.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/gateway/ws_deflate.h"

#define MESSAGE_MAX 65536

struct run {
	uint8_t out[MESSAGE_MAX + 1];
	size_t len;
	int result;
};

static void
expect(bool fact)
{
	if (!fact)
		abort();
}

static void
inflate_all(struct ws_deflate *ctx, const uint8_t *p, size_t n, size_t piece,
    size_t room, struct run *run)
{
	size_t at = 0, len, used, made, space;

	ws_inflate_begin(ctx, MESSAGE_MAX);
	run->len = 0;
	do {
		len = n - at < piece ? n - at : piece;
		space = sizeof(run->out) - run->len;
		if (space > room)
			space = room;
		run->result = ws_inflate_step(ctx, p + at, len, at + len == n,
		    run->out + run->len, space, &used, &made);
		expect(used <= len && made <= space);
		at += used;
		run->len += made;
		expect(run->len <= MESSAGE_MAX);
		expect(run->result != WS_INFLATE_NEED_OUT || made == space);
		expect(run->result != WS_INFLATE_NEED_IN || at < n);
	} while (run->result > 0);
	expect(run->result != 0 || at == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	static struct ws_deflate *ctx;
	size_t cap, zip_len, piece, room;
	uint8_t *zip;
	int bits;

	if (ctx == NULL)
		expect(ws_deflate_new(1, &ctx) == 0);
	if (size < 2)
		return (0);
	bits = 8 + data[0] % 8;
	piece = (size_t)data[0] / 8 + 1;
	room = (size_t)data[1] + 1;
	data += 2;
	size -= 2;

	inflate_all(ctx, data, size, size + 1, MESSAGE_MAX, &whole);
	inflate_all(ctx, data, size, piece, room, &pieces);
	expect(whole.result == pieces.result);
	if (whole.result == 0) {
		expect(whole.len == pieces.len);
		expect(memcmp(whole.out, pieces.out, whole.len) == 0);
	}

	if (size > MESSAGE_MAX)
		return (0);
	cap = ws_deflate_bound(size);
	zip = malloc(cap);
	expect(zip != NULL);
	expect(
	    ws_deflate_message(ctx, data, size, bits, zip, cap, &zip_len) == 0);
	inflate_all(ctx, zip, zip_len, piece, room, &pieces);
	expect(pieces.result == 0 && pieces.len == size);
	expect(memcmp(pieces.out, data, size) == 0);
	free(zip);
	return (0);
}
