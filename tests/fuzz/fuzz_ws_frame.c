/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes frame headers, unmasking and close payloads.  The first byte gives
 * the flags, the rest is a frame.  Checks that a verdict never changes when
 * more bytes come, that what was decoded encodes to the same bytes, and that
 * unmasking equals the plain loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/gateway/ws_frame.h"
#include "worker/gateway/ws_mask.h"

static void
expect(bool fact)
{
	if (!fact)
		abort();
}

static void
check_close(const uint8_t *p, size_t n)
{
	uint8_t again[WS_FRAME_CONTROL_MAX];
	uint16_t code = 0;
	size_t len;

	if (ws_frame_close_decode(p, n, &code) != 0) {
		expect(code == 0);
		return;
	}
	if (n == 0) {
		expect(code == WS_CLOSE_NO_STATUS);
		return;
	}
	len = ws_frame_close_encode(again, code, (const char *)p + 2, n - 2);
	expect(len == n && memcmp(again, p, n) == 0);
}

/* A reason of any bytes and length must be cut, not overflow. */
static void
check_reason(const uint8_t *p, size_t n)
{
	uint8_t payload[WS_FRAME_CONTROL_MAX];
	size_t len;

	len = ws_frame_close_encode(payload, WS_CLOSE_POLICY, (const char *)p,
	    n);
	expect(len >= 2 && len <= WS_FRAME_CONTROL_MAX);
	expect(n > WS_FRAME_REASON_MAX || len == n + 2);
	expect(memcmp(payload + 2, p, len - 2) == 0);
}

static void
check_payload(const struct ws_frame_header *header, const uint8_t *p, size_t n)
{
	uint8_t *plain, key[4];
	size_t i, half = n / 3;

	if (n > header->len)
		n = (size_t)header->len;
	if (half > n)
		half = n;
	plain = malloc(n > 0 ? n : 1);
	expect(plain != NULL);
	ws_unmask(plain, p, half, header->key, 0);
	ws_unmask(plain + half, p + half, n - half, header->key,
	    (uint32_t)half);
	memcpy(key, &header->key, sizeof(key));
	for (i = 0; i < n; i++)
		expect(plain[i] == (p[i] ^ key[i % 4]));
	if (header->opcode == WS_OP_CLOSE && n == header->len)
		check_close(plain, n);
	check_reason(plain, n);
	free(plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_frame_header header;
	uint8_t again[WS_FRAME_SERVER_HEADER_MAX];
	unsigned int flags;
	size_t n, i;
	int result, verdict = 0;

	if (size == 0)
		return (0);
	flags = data[0] & (WS_FRAME_IN_MESSAGE | WS_FRAME_DEFLATE);
	data++;
	size--;
	for (i = 0; i <= size && i <= WS_FRAME_CLIENT_HEADER_MAX; i++) {
		result = ws_frame_header_decode(data, i, flags, &header);
		expect(verdict == 0 || result == verdict);
		verdict = result;
	}
	if (verdict <= 0) {
		expect(verdict == 0 ||
		    (verdict == -EPROTO &&
			header.close_code == WS_CLOSE_PROTOCOL));
		return (0);
	}
	n = ws_frame_header_encode(again, header.opcode, header.fin,
	    header.rsv1, header.len);
	expect(
	    n + 4 == (size_t)verdict && n == ws_frame_header_size(header.len));
	again[1] |= 0x80;
	expect(memcmp(again, data, n) == 0);
	check_payload(&header, data + verdict, size - (size_t)verdict);
	return (0);
}
