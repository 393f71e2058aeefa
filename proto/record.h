/* SPDX-License-Identifier: ISC */
/*
 * A connection's record: everything a connection is while it is idle, in a
 * fixed 176 bytes of shared memory.  A connection with bytes in flight has a
 * `busy` block in the arena beside it.  One writer, the slot's tenant, which
 * changes body and busy only through the journal (worker/gateway/step.c);
 * readers copy under the sequence word (proto/table.h).
 */
#ifndef HOLDFAST_PROTO_RECORD_H
#define HOLDFAST_PROTO_RECORD_H

#include <stdatomic.h>
#include <stdint.h>

#define RECORD_NONE    UINT32_MAX
#define RECORD_ID_MAX  100u
#define RECORD_ID_REST (RECORD_ID_MAX - RECORD_ID_INLINE)
#define RECORD_STASH   131u /* a control frame: 6 + 125 bytes */

enum record_state {
	RECORD_FREE,
	RECORD_HANDSHAKE, /* accepted, no 101 yet */
	RECORD_OPEN,
	RECORD_CLOSING, /* our close frame is on its way */
	RECORD_LINGER,	/* our FIN is sent or will be; input is discarded */
	RECORD_DYING,	/* the fd may be closed already */
	RECORD_STATE_MAX
};

#define RECORD_DEFLATE	  0x0001u /* permessage-deflate negotiated */
#define RECORD_HINT	  0x0002u /* client reads reconnect_ms in the reason */
#define RECORD_WANT_OUT	  0x0004u /* EPOLLOUT is registered */
#define RECORD_PAUSED	  0x0008u /* EPOLLIN is not registered: output waits */
#define RECORD_PINGED	  0x0010u /* a ping is unanswered */
#define RECORD_FIN_SENT	  0x0020u /* noted before shutdown(SHUT_WR) */
#define RECORD_CLOSE_SENT 0x0040u /* our close frame is in the output */
#define RECORD_CLOSE_GOT  0x0080u /* the peer's close frame was read */
#define RECORD_FIN_AFTER  0x0100u /* shutdown once the output is flushed */
#define RECORD_INDEXED	  0x0200u /* counted under its client id */
#define RECORD_QUARANTINE 0x0400u /* 1011: a tenant died serving it */
#define RECORD_PROXIED	  0x0800u /* addr came from a trusted proxy */
#define RECORD_COUNTED	  0x1000u /* counted under its address */
#define RECORD_ADMITTED	  0x2000u /* has a token of the handshake rate */
#define RECORD_GENERATED  0x4000u /* brought no client id of its own */
#define RECORD_HELD	  0x8000u /* waits for room in the ring; likewise */

/* Its socket is not read. */
#define RECORD_UNREAD (RECORD_PAUSED | RECORD_HELD)

#ifdef HOLDFAST_OTHER_RECORD /* a test build with another layout */
#include HOLDFAST_OTHER_RECORD
#else
#include "proto/record_body.h"
#endif

/* Bytes in flight of one connection; a 256-byte arena block. */
struct record_busy {
	/* inbound: request head, or the message so far (unmasked) */
	uint32_t in_ref;
	uint32_t in_len;
	uint32_t in_cap;
	/* the frame being read */
	uint32_t frame_left;
	uint32_t mask_key;
	uint8_t mask_phase;
	uint8_t frame_fin;
	uint8_t message_opcode; /* 0: no message in progress */
	uint8_t message_deflated;
	uint32_t utf8;
	uint32_t frames;
	/* outbound: given - out_base bytes of [out_ref, +out_len) are sent */
	uint32_t out_ref;
	uint32_t out_len;
	uint32_t out_cap;
	uint32_t unused;
	uint64_t out_base;
	uint32_t stash_len;
	uint8_t stash[RECORD_STASH]; /* partial header or control frame */
	uint8_t pad[256 - 60 - RECORD_STASH - 1];
};

_Static_assert(sizeof(struct record_busy) <= 256, "busy block layout");

const char *record_state_name(uint32_t state);

#endif
