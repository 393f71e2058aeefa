/* SPDX-License-Identifier: ISC */
/*
 * Frame headers and close payloads of the server side of RFC 6455, section 5:
 * headers from clients are decoded and judged, headers to clients are
 * encoded.  Pure; used by the gateway's message reader and writer.
 */
#ifndef HOLDFAST_GATEWAY_WS_FRAME_H
#define HOLDFAST_GATEWAY_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
	WS_OP_CONTINUATION = 0x0,
	WS_OP_TEXT = 0x1,
	WS_OP_BINARY = 0x2,
	WS_OP_CLOSE = 0x8,
	WS_OP_PING = 0x9,
	WS_OP_PONG = 0xa,
};

enum ws_close {
	WS_CLOSE_NORMAL = 1000,
	WS_CLOSE_GOING_AWAY = 1001,
	WS_CLOSE_PROTOCOL = 1002,
	WS_CLOSE_UNSUPPORTED = 1003,
	WS_CLOSE_NO_STATUS = 1005, /* never on the wire */
	WS_CLOSE_ABNORMAL = 1006,  /* never on the wire */
	WS_CLOSE_BAD_DATA = 1007,
	WS_CLOSE_POLICY = 1008,
	WS_CLOSE_TOO_BIG = 1009,
	WS_CLOSE_INTERNAL = 1011,
	WS_CLOSE_RESTART = 1012,
	WS_CLOSE_OVERLOAD = 1013,
	WS_CLOSE_REPLACED = 4001,
	WS_CLOSE_KICKED = 4002,
};

#define WS_FRAME_CLIENT_HEADER_MAX 14
#define WS_FRAME_SERVER_HEADER_MAX 10
#define WS_FRAME_CONTROL_MAX	   125 /* payload bytes */
#define WS_FRAME_REASON_MAX	   123 /* bytes of a close reason */

/* What the connection brings to the decoding of a header. */
#define WS_FRAME_IN_MESSAGE 0x1u /* a data frame without FIN came */
#define WS_FRAME_DEFLATE    0x2u /* permessage-deflate was agreed */

struct ws_frame_header {
	uint64_t len;	/* payload bytes, below 2^63 */
	uint32_t key;	/* for ws_unmask(), as it lay in memory */
	uint8_t opcode; /* enum ws_opcode */
	bool fin;
	bool rsv1;	     /* first frame of a compressed message */
	uint16_t close_code; /* only with -EPROTO: what to close with */
	const char *reason;  /* only with -EPROTO; a constant text */
};

static inline bool
ws_frame_is_control(uint8_t opcode)
{
	return ((opcode & 0x8) != 0);
}

/*
 * Decode the header at p.  Returns its length (6 to 14), 0 while n is
 * too short, -EPROTO when a client must not send it (with out->close_code
 * and out->reason).  Errors show at the earliest byte that proves them.
 * The payload length is not limited here, but for control frames.
 */
int ws_frame_header_decode(const uint8_t *p, size_t n, unsigned int flags,
    struct ws_frame_header *out) __attribute__((warn_unused_result));

/*
 * Encode the header of an unmasked frame, in its shortest form.  Returns its
 * length: 2, 4 or 10.
 */
size_t ws_frame_header_encode(uint8_t out[WS_FRAME_SERVER_HEADER_MAX],
    uint8_t opcode, bool fin, bool rsv1, uint64_t len);

/* The same length without encoding: bytes of the header before len bytes. */
size_t ws_frame_header_size(uint64_t len);

/* May this close code stand in a frame (RFC 6455 7.4, IANA registry)? */
bool ws_frame_close_code_valid(uint16_t code);

/*
 * Judge the unmasked payload of a close frame.  Returns 0 with *out_code
 * (WS_CLOSE_NO_STATUS for an empty payload; the reason is what lies behind
 * the first two bytes), -EPROTO (answer 1002) or -EILSEQ (answer 1007).
 */
int ws_frame_close_decode(const uint8_t *p, size_t n, uint16_t *out_code)
    __attribute__((warn_unused_result));

/*
 * Encode the payload of a close frame.  A reason longer than 123 bytes is cut
 * in front of the character that does not fit.  A code that must not stand
 * in a frame (1005, 1006) gives an empty payload.  Returns the length.
 */
size_t ws_frame_close_encode(uint8_t out[WS_FRAME_CONTROL_MAX], uint16_t code,
    const char *reason, size_t reason_len);

#endif
