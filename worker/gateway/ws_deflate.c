/* SPDX-License-Identifier: ISC */
/*
 * permessage-deflate's payload transformation (RFC 7692 section 7.2) on zlib.
 * Memory belongs to the process, not to connections, so the streams may be as
 * large as zlib likes them: 15 bits and memLevel 8.  A small message is
 * compressed with a smaller window that still covers it, since resetting the
 * large one clears 64 KiB.  Called by the gateway, which holds one context.
 */
#include "worker/gateway/ws_deflate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define BITS_MIN  9 /* zlib's smallest window for raw DEFLATE */
#define BITS_MAX  15
#define LOOKAHEAD 262 /* zlib reaches back its window less this */
#define TAIL_LEN  4

/* What a sync flush ends with; it does not go over the wire. */
static const uint8_t tail[TAIL_LEN] = { 0x00, 0x00, 0xff, 0xff };

/*
 * zlib has no raw window of 8 bits.  One of 9 bits with the run-length strategy
 * replaces it: its only distance is 1.
 */
#define SLOT_RLE   0
#define SLOT(bits) ((bits)-BITS_MIN + 1)
#define SLOTS	   (SLOT(BITS_MAX) + 1)

struct ws_deflate {
	z_stream inflate;	 /* owned */
	z_stream deflate[SLOTS]; /* owned; the ready ones */
	bool ready[SLOTS];
	int level;

	/* The message being inflated. */
	uint64_t left;	  /* bytes it may still have */
	size_t tail_done; /* bytes of the tail that are consumed */
	bool any_input;
	bool ended; /* just behind a final block */
	bool over;  /* done, failed or not begun */
};

int
ws_deflate_new(int level, struct ws_deflate **out_ctx)
{
	struct ws_deflate *ctx;

	if (level < WS_DEFLATE_LEVEL_MIN || level > WS_DEFLATE_LEVEL_MAX)
		return (-EINVAL);
	ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL)
		return (-ENOMEM);
	ctx->level = level;
	ctx->over = true;
	if (inflateInit2(&ctx->inflate, -BITS_MAX) != Z_OK) {
		free(ctx);
		return (-ENOMEM);
	}
	*out_ctx = ctx;
	return (0);
}

void
ws_deflate_free(struct ws_deflate *ctx)
{
	int i;

	if (ctx == NULL)
		return;
	inflateEnd(&ctx->inflate);
	for (i = 0; i < SLOTS; i++) {
		if (ctx->ready[i])
			deflateEnd(&ctx->deflate[i]);
	}
	free(ctx);
}

void
ws_inflate_begin(struct ws_deflate *ctx, uint64_t max_size)
{
	ctx->left = max_size;
	ctx->tail_done = 0;
	ctx->any_input = false;
	ctx->ended = false;
	ctx->over = inflateReset(&ctx->inflate) != Z_OK;
}

/* Where the next input of this call comes from; the tail follows the last. */
static void
choose_input(struct ws_deflate *ctx, const uint8_t *p, size_t at, size_t n)
{
	z_stream *z = &ctx->inflate;

	if (at < n) {
		/* next_in is not const without ZLIB_CONST; zlib only reads. */
		z->next_in = (Bytef *)(uintptr_t)(p + at);
		z->avail_in = n - at < UINT_MAX ? (uInt)(n - at) : UINT_MAX;
		ctx->any_input = true;
	} else {
		z->next_in = (Bytef *)(uintptr_t)(tail + ctx->tail_done);
		z->avail_in = (uInt)(TAIL_LEN - ctx->tail_done);
	}
}

/*
 * Run zlib once.  When the message has its full size, one byte of room behind
 * it shows whether more would come.
 */
static int
run_inflate(struct ws_deflate *ctx, uint8_t *out, size_t at, size_t cap,
    size_t *out_produced)
{
	z_stream *z = &ctx->inflate;
	uint8_t probe;
	bool full = ctx->left == 0;
	size_t room = cap - at < ctx->left ? cap - at : (size_t)ctx->left;
	uInt before;
	int result;

	before = full ? 1 : room < UINT_MAX ? (uInt)room : UINT_MAX;
	z->avail_out = before;
	z->next_out = full || room == 0 ? &probe : out + at;
	/*
	 * Blocks may follow a final block (RFC 7692 section 7.2.1), and the
	 * window spans them.
	 */
	if (ctx->ended && inflateResetKeep(z) != Z_OK)
		return (-EPROTO);
	ctx->ended = false;

	result = inflate(z, Z_SYNC_FLUSH);
	*out_produced = before - z->avail_out;
	/* Even if zlib went on to bytes that it cannot read. */
	if (full && *out_produced > 0)
		return (-EMSGSIZE);
	if (result == Z_MEM_ERROR)
		return (-ENOMEM);
	if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END)
		return (-EPROTO);
	ctx->left -= *out_produced;
	ctx->ended = result == Z_STREAM_END;
	return (0);
}

/*
 * Does the message end here?  zlib tells that it stands behind a block, and
 * how many bits of the last byte are unused.
 */
static bool
at_block_end(const struct ws_deflate *ctx)
{
	return (ctx->ended ||
	    ((ctx->inflate.data_type & 128) != 0 &&
		(ctx->inflate.data_type & 63) == 0));
}

int
ws_inflate_step(struct ws_deflate *ctx, const uint8_t *p, size_t n, bool last,
    uint8_t *out, size_t cap, size_t *out_consumed, size_t *out_produced)
{
	uInt given;
	size_t taken, made;
	int error = ctx->over ? -EPROTO : 0;

	*out_consumed = *out_produced = 0;
	while (error == 0) {
		if (*out_consumed == n && !last)
			return (WS_INFLATE_NEED_IN);
		/*
		 * Senders that end with a final block, or send nothing for an
		 * empty message, are understood without the tail.
		 */
		if (*out_consumed == n && ctx->tail_done == 0 &&
		    (ctx->ended || !ctx->any_input))
			break;
		choose_input(ctx, p, *out_consumed, n);
		given = ctx->inflate.avail_in;
		made = 0;
		error = run_inflate(ctx, out, *out_produced, cap, &made);
		if (error != 0)
			break;
		*out_produced += made;
		taken = given - ctx->inflate.avail_in;
		if (*out_consumed < n)
			*out_consumed += taken;
		else
			ctx->tail_done += taken;
		if (ctx->tail_done == TAIL_LEN && at_block_end(ctx))
			break;
		if (ctx->inflate.avail_out == 0 && *out_produced == cap &&
		    ctx->left > 0)
			return (WS_INFLATE_NEED_OUT);
		if (taken == 0 && made == 0)
			error = -EPROTO;
	}
	ctx->over = true;
	return (error);
}

/* The smallest window that loses no match in n bytes, within the agreed. */
static int
choose_bits(size_t n, int window_bits)
{
	int bits = BITS_MIN;

	while (bits < window_bits && ((size_t)1 << bits) < n + LOOKAHEAD)
		bits++;
	return (bits);
}

static int
open_deflate(struct ws_deflate *ctx, int slot, int bits)
{
	/* Tables in proportion to the window; below 4 the blocks get tiny. */
	int mem_level = bits - 7 < 4 ? 4 : bits - 7;
	int strategy = slot == SLOT_RLE ? Z_RLE : Z_DEFAULT_STRATEGY;

	if (ctx->ready[slot])
		return (
		    deflateReset(&ctx->deflate[slot]) == Z_OK ? 0 : -EINVAL);
	if (deflateInit2(&ctx->deflate[slot], ctx->level, Z_DEFLATED, -bits,
		mem_level, strategy) != Z_OK)
		return (-ENOMEM);
	ctx->ready[slot] = true;
	return (0);
}

int
ws_deflate_message(struct ws_deflate *ctx, const uint8_t *p, size_t n,
    int window_bits, uint8_t *out, size_t cap, size_t *out_len)
{
	z_stream *z;
	size_t len;
	int bits, slot, error;

	if (window_bits < 8 || window_bits > BITS_MAX || n > UINT_MAX)
		return (-EINVAL);
	bits = choose_bits(n, window_bits);
	slot = window_bits == 8 ? SLOT_RLE : SLOT(bits);
	error = open_deflate(ctx, slot, bits);
	if (error != 0)
		return (error);
	z = &ctx->deflate[slot];
	z->next_in = (Bytef *)(uintptr_t)p;
	z->avail_in = (uInt)n;
	z->next_out = out;
	z->avail_out = cap < UINT_MAX ? (uInt)cap : UINT_MAX;
	error = deflate(z, Z_SYNC_FLUSH);
	/* A flush is complete only when it left room (zlib.h). */
	if (error == Z_BUF_ERROR || z->avail_out == 0)
		return (-ENOSPC);
	len = (size_t)(z->next_out - out);
	if (error != Z_OK || len < TAIL_LEN ||
	    memcmp(out + len - TAIL_LEN, tail, TAIL_LEN) != 0)
		return (-EINVAL);
	*out_len = len - TAIL_LEN;
	return (0);
}

size_t
ws_deflate_bound(size_t n)
{
	/*
	 * The worst case of deflateBound() for any window and memLevel, and a
	 * sync flush behind it.
	 */
	return (n + (n >> 3) + (n >> 6) + 64);
}
