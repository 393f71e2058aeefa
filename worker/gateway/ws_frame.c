/* SPDX-License-Identifier: ISC */
/*
 * Frame headers and close payloads (RFC 6455 sections 5.2, 5.4, 5.5 and 7.4;
 * RSV1 by RFC 7692 section 6).  Everything that a client must not send is
 * refused at the first byte that shows it, since fail-fast is what keeps a
 * broken peer from making us wait or buffer.  Pure; called by the gateway.
 */
#include "worker/gateway/ws_frame.h"

#include <errno.h>
#include <string.h>

#include "worker/gateway/ws_utf8.h"

#define FIN   0x80
#define RSV1  0x40
#define RSV23 0x30
#define MASK  0x80

static int
refuse(struct ws_frame_header *out, const char *reason)
{
	out->close_code = WS_CLOSE_PROTOCOL;
	out->reason = reason;
	return (-EPROTO);
}

/* What the first byte alone can show. */
static int
check_first(uint8_t byte, unsigned int flags, struct ws_frame_header *out)
{
	uint8_t opcode = byte & 0x0f;
	bool first_of_message;

	if ((byte & RSV23) != 0)
		return (refuse(out, "reserved bit set"));
	if (opcode > WS_OP_PONG ||
	    (opcode > WS_OP_BINARY && opcode < WS_OP_CLOSE))
		return (refuse(out, "reserved opcode"));
	if (ws_frame_is_control(opcode) && (byte & FIN) == 0)
		return (refuse(out, "fragmented control frame"));
	if (opcode == WS_OP_CONTINUATION && !(flags & WS_FRAME_IN_MESSAGE))
		return (refuse(out, "continuation without a message"));
	first_of_message = opcode == WS_OP_TEXT || opcode == WS_OP_BINARY;
	if (first_of_message && (flags & WS_FRAME_IN_MESSAGE) != 0)
		return (refuse(out, "new message inside a message"));
	if ((byte & RSV1) != 0 &&
	    (!first_of_message || !(flags & WS_FRAME_DEFLATE)))
		return (refuse(out, "compression bit not allowed here"));
	return (0);
}

static uint64_t
load_big_endian(const uint8_t *p, size_t n)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < n; i++)
		value = value << 8 | p[i];
	return (value);
}

int
ws_frame_header_decode(const uint8_t *p, size_t n, unsigned int flags,
    struct ws_frame_header *out)
{
	size_t extended;
	uint64_t len;
	int error;

	if (n == 0)
		return (0);
	error = check_first(p[0], flags, out);
	if (error != 0)
		return (error);
	if (n == 1)
		return (0);
	if ((p[1] & MASK) == 0)
		return (refuse(out, "frame is not masked"));
	len = p[1] & 0x7f;
	if (len > WS_FRAME_CONTROL_MAX && ws_frame_is_control(p[0] & 0x0f))
		return (refuse(out, "control frame too long"));
	extended = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (extended == 8 && n > 2 && (p[2] & 0x80) != 0)
		return (refuse(out, "length beyond 63 bits"));
	if (n < 2 + extended)
		return (0);
	if (extended != 0) {
		len = load_big_endian(p + 2, extended);
		if (len < (extended == 2 ? 126 : 0x10000))
			return (refuse(out, "length not in shortest form"));
	}
	if (n < 2 + extended + 4)
		return (0);

	memset(out, 0, sizeof(*out));
	out->fin = (p[0] & FIN) != 0;
	out->rsv1 = (p[0] & RSV1) != 0;
	out->opcode = p[0] & 0x0f;
	out->len = len;
	memcpy(&out->key, p + 2 + extended, 4);
	return ((int)(2 + extended + 4));
}

size_t
ws_frame_header_size(uint64_t len)
{
	return (len < 126 ? 2 : len < 0x10000 ? 4 : 10);
}

size_t
ws_frame_header_encode(uint8_t out[WS_FRAME_SERVER_HEADER_MAX], uint8_t opcode,
    bool fin, bool rsv1, uint64_t len)
{
	size_t size = ws_frame_header_size(len), i;

	out[0] = (uint8_t)((fin ? FIN : 0) | (rsv1 ? RSV1 : 0) |
	    (opcode & 0x0f));
	out[1] = (uint8_t)(size == 2 ? len : size == 4 ? 126 : 127);
	for (i = size; i > 2; i--) {
		out[i - 1] = (uint8_t)len;
		len >>= 8;
	}
	return (size);
}

bool
ws_frame_close_code_valid(uint16_t code)
{
	return ((code >= 1000 && code <= 1003) ||
	    (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999));
}

int
ws_frame_close_decode(const uint8_t *p, size_t n, uint16_t *out_code)
{
	uint32_t state = WS_UTF8_START;
	uint16_t code;

	if (n == 0) {
		*out_code = WS_CLOSE_NO_STATUS;
		return (0);
	}
	if (n == 1 || n > WS_FRAME_CONTROL_MAX)
		return (-EPROTO);
	code = (uint16_t)(p[0] << 8 | p[1]);
	if (!ws_frame_close_code_valid(code))
		return (-EPROTO);
	if (ws_utf8_feed(&state, p + 2, n - 2) != 0 || ws_utf8_done(state) != 0)
		return (-EILSEQ);
	*out_code = code;
	return (0);
}

size_t
ws_frame_close_encode(uint8_t out[WS_FRAME_CONTROL_MAX], uint16_t code,
    const char *reason, size_t reason_len)
{
	size_t n = reason_len;

	if (!ws_frame_close_code_valid(code))
		return (0);
	if (n > WS_FRAME_REASON_MAX) {
		/* Step back to the first byte of the character that is cut. */
		n = WS_FRAME_REASON_MAX;
		while (n > 0 && ((uint8_t)reason[n] & 0xc0) == 0x80)
			n--;
	}
	out[0] = (uint8_t)(code >> 8);
	out[1] = (uint8_t)code;
	if (n > 0)
		memcpy(out + 2, reason, n);
	return (2 + n);
}
