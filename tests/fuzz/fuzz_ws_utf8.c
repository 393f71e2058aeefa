/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the UTF-8 validator: the first byte gives the size of the pieces, the
 * rest is the text.  The verdict must equal that of a decoder which computes
 * each character and then judges its value.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/gateway/ws_utf8.h"

/* Bytes of the character at p, 0 when there is no valid one. */
static size_t
decode(const uint8_t *p, size_t n)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;
	uint32_t value;

	if (p[0] < 0x80)
		return (1);
	if (p[0] < 0xc0 || p[0] >= 0xf8)
		return (0);
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return (0);
	value = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (0);
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < lowest[len] || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return (0);
	return (len);
}

static bool
valid(const uint8_t *p, size_t n)
{
	size_t len;

	for (; n > 0; p += len, n -= len) {
		len = decode(p, n);
		if (len == 0)
			return (false);
	}
	return (true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t state = WS_UTF8_START;
	size_t piece, at, n;
	bool ok = true;

	if (size == 0)
		return (0);
	piece = (size_t)data[0] + 1;
	data++;
	size--;
	for (at = 0; at < size && ok; at += n) {
		n = size - at < piece ? size - at : piece;
		ok = ws_utf8_feed(&state, data + at, n) == 0;
	}
	ok = ok && ws_utf8_done(state) == 0;
	if (ok != valid(data, size))
		abort();
	return (0);
}
