/* SPDX-License-Identifier: ISC */
/*
 * permessage-deflate (RFC 7692 section 7.2) without context takeover: one
 * context per process serves all connections, because nothing survives from
 * one message to the next.  It owns zlib's streams; a crash loses only them.
 * Used by the gateway when a compressed message is complete, and when one is
 * sent.
 */
#ifndef HOLDFAST_GATEWAY_WS_DEFLATE_H
#define HOLDFAST_GATEWAY_WS_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_DEFLATE_LEVEL_MIN 1
#define WS_DEFLATE_LEVEL_MAX 9

struct ws_deflate;

/* Results of ws_inflate_step() that are no failure. */
enum ws_inflate {
	WS_INFLATE_DONE = 0,	 /* the message is complete */
	WS_INFLATE_NEED_IN = 1,	 /* all input taken, give the next piece */
	WS_INFLATE_NEED_OUT = 2, /* output is full, give room */
};

/*
 * level is zlib's, 1 (fast) to 9.  Returns 0, -EINVAL or -ENOMEM.  About
 * 50 KiB at first; streams for compressing come with their first use, 270 KiB
 * for the largest window and about as much again for all smaller ones.
 */
int ws_deflate_new(int level, struct ws_deflate **out_ctx)
    __attribute__((warn_unused_result));
void ws_deflate_free(struct ws_deflate *ctx);

/*
 * Start to inflate a message, which may have up to max_size bytes.  A message
 * that was not finished before is forgotten.
 */
void ws_inflate_begin(struct ws_deflate *ctx, uint64_t max_size);

/*
 * Inflate a piece of the message's payload (all frames of the message joined;
 * pieces may be cut anywhere).  last says that nothing follows p + n.  Call
 * it again with what is left of the input while it returns
 * WS_INFLATE_NEED_OUT, also when that is nothing.  *out_consumed and
 * *out_produced count the bytes of this call and are set in every case.
 * Failures, after which only ws_inflate_begin() is allowed: -EPROTO when the
 * data are not DEFLATE or end early (close 1002 or 1007), -EMSGSIZE when the
 * message would exceed max_size (1009), -ENOMEM.
 */
int ws_inflate_step(struct ws_deflate *ctx, const uint8_t *p, size_t n,
    bool last, uint8_t *out, size_t cap, size_t *out_consumed,
    size_t *out_produced) __attribute__((warn_unused_result));

/*
 * Compress a whole message with the agreed window (8 to 15).  Returns 0,
 * -ENOSPC when the result does not fit into cap, -EINVAL, -ENOMEM.  With
 * cap = n, -ENOSPC means that the message does not shrink and is better sent
 * as it is.
 */
int ws_deflate_message(struct ws_deflate *ctx, const uint8_t *p, size_t n,
    int window_bits, uint8_t *out, size_t cap, size_t *out_len)
    __attribute__((warn_unused_result));

/* A cap that is enough for every message of n bytes. */
size_t ws_deflate_bound(size_t n);

#endif
