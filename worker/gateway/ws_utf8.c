/* SPDX-License-Identifier: ISC */
/*
 * Streaming UTF-8 validation by the table of RFC 3629 section 4.  The state
 * says how many bytes a character still needs and in which range the next one
 * must lie; only the second byte of a character has a range of its own, which
 * is what keeps out overlong forms, surrogates and values above U+10FFFF.
 * Pure; called by the gateway for text messages and close reasons.
 */
#include "worker/gateway/ws_utf8.h"

#include <errno.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The state: bytes still needed, lowest and highest value of the next. */
#define STATE(need, low, high) ((need) | (low) << 8 | (high) << 16)
#define NEED(state)	       ((state)&0xff)
#define LOW(state)	       ((state) >> 8 & 0xff)
#define HIGH(state)	       ((state) >> 16 & 0xff)
#define STATE_REFUSED	       STATE(0xffu, 0xffu, 0u)

/* What the first byte of a character demands, STATE_REFUSED if it is none. */
static uint32_t
lead(uint8_t byte)
{
	if (byte < 0x80)
		return (WS_UTF8_START);
	if (byte < 0xc2)
		return (STATE_REFUSED);
	if (byte < 0xe0)
		return (STATE(1u, 0x80u, 0xbfu));
	if (byte < 0xf0) {
		if (byte == 0xe0)
			return (STATE(2u, 0xa0u, 0xbfu));
		if (byte == 0xed)
			return (STATE(2u, 0x80u, 0x9fu));
		return (STATE(2u, 0x80u, 0xbfu));
	}
	if (byte == 0xf0)
		return (STATE(3u, 0x90u, 0xbfu));
	if (byte < 0xf4)
		return (STATE(3u, 0x80u, 0xbfu));
	if (byte == 0xf4)
		return (STATE(3u, 0x80u, 0x8fu));
	return (STATE_REFUSED);
}

/* Skip ASCII: 32 bytes at a time, then 8. */
static const uint8_t *
skip_ascii(const uint8_t *p, const uint8_t *end)
{
	uint64_t word[4];

	for (; end - p >= 32; p += 32) {
		memcpy(word, p, sizeof(word));
		if (((word[0] | word[1] | word[2] | word[3]) & HIGH_BITS) != 0)
			break;
	}
	for (; end - p >= 8; p += 8) {
		memcpy(word, p, sizeof(word[0]));
		if ((word[0] & HIGH_BITS) != 0)
			break;
	}
	while (p < end && *p < 0x80)
		p++;
	return (p);
}

int
ws_utf8_feed(uint32_t *state, const uint8_t *p, size_t n)
{
	uint32_t now = *state;
	const uint8_t *end;

	if (n == 0)
		return (now == STATE_REFUSED ? -EILSEQ : 0);
	end = p + n;
	while (p < end) {
		if (NEED(now) == 0) {
			if (*p < 0x80)
				p = skip_ascii(p, end);
			if (p == end)
				break;
			now = lead(*p++);
			if (now == STATE_REFUSED)
				break;
			continue;
		}
		if (*p < LOW(now) || *p > HIGH(now)) {
			now = STATE_REFUSED;
			break;
		}
		p++;
		now = NEED(now) == 1 ? WS_UTF8_START :
				       STATE(NEED(now) - 1, 0x80u, 0xbfu);
	}
	*state = now;
	return (now == STATE_REFUSED ? -EILSEQ : 0);
}

int
ws_utf8_done(uint32_t state)
{
	return (state == WS_UTF8_START ? 0 : -EILSEQ);
}
