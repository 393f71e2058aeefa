/* SPDX-License-Identifier: ISC */
/* Unit tests of frame headers and close payloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/ws_frame.h"

#define KEY	"\x37\xfa\x21\x3d"
#define MESSAGE WS_FRAME_IN_MESSAGE
#define DEFLATE WS_FRAME_DEFLATE

/* Decode in memory that ends with the bytes given. */
static int
decode(const char *bytes, size_t n, unsigned int flags,
    struct ws_frame_header *out)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	int result;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	memset(out, 0xee, sizeof(*out));
	result = ws_frame_header_decode(copy, n, flags, out);
	free(copy);
	return (result);
}

/* A good header is incomplete in every prefix, then as long as it is. */
static struct ws_frame_header
good(const char *bytes, size_t n, unsigned int flags)
{
	struct ws_frame_header header;
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(decode(bytes, i, flags, &header), 0);
	assert_int_equal(decode(bytes, n, flags, &header), n);
	assert_memory_equal(&header.key, KEY, 4);
	return (header);
}

/* A bad header is refused from byte n on and not before. */
static void
bad(const char *bytes, size_t n, unsigned int flags)
{
	struct ws_frame_header header;
	char longer[20] = "";
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(decode(bytes, i, flags, &header), 0);
	memcpy(longer, bytes, n);
	for (i = n; i <= sizeof(longer); i++) {
		assert_int_equal(decode(longer, i, flags, &header), -EPROTO);
		assert_int_equal(header.close_code, WS_CLOSE_PROTOCOL);
		assert_non_null(header.reason);
	}
}

static void
test_good_headers(void **state)
{
	struct ws_frame_header h;

	(void)state;
	/* RFC 6455 section 5.7 */
	h = good("\x81\x85" KEY, 6, 0);
	assert_true(h.fin && !h.rsv1);
	assert_int_equal(h.opcode, WS_OP_TEXT);
	assert_int_equal(h.len, 5);
	h = good("\x01\x83" KEY, 6, 0);
	assert_true(!h.fin);
	h = good("\x80\x82" KEY, 6, MESSAGE);
	assert_true(h.fin);
	assert_int_equal(h.opcode, WS_OP_CONTINUATION);
	h = good("\x82\xfe\x01\x00" KEY, 8, 0);
	assert_int_equal(h.opcode, WS_OP_BINARY);
	assert_int_equal(h.len, 256);
	h = good("\x82\xff\0\0\0\0\0\x01\0\0" KEY, 14, 0);
	assert_int_equal(h.len, 65536);

	h = good("\x82\xfd" KEY, 6, 0);
	assert_int_equal(h.len, 125);
	h = good("\x82\xfe\x00\x7e" KEY, 8, 0);
	assert_int_equal(h.len, 126);
	h = good("\x82\xfe\xff\xff" KEY, 8, 0);
	assert_int_equal(h.len, 65535);
	h = good("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" KEY, 14, 0);
	assert_true(h.len == INT64_MAX);
	h = good("\x88\xfd" KEY, 6, MESSAGE | DEFLATE);
	assert_int_equal(h.opcode, WS_OP_CLOSE);
	assert_true(ws_frame_is_control(h.opcode));
	h = good("\x89\x80" KEY, 6, 0);
	assert_int_equal(h.opcode, WS_OP_PING);
	h = good("\x8a\x80" KEY, 6, 0);
	assert_int_equal(h.opcode, WS_OP_PONG);
	h = good("\xc1\x80" KEY, 6, DEFLATE);
	assert_true(h.rsv1);
	h = good("\x42\x80" KEY, 6, DEFLATE);
	assert_true(h.rsv1 && !h.fin);
	assert_true(!ws_frame_is_control(h.opcode));
}

static void
test_bad_headers(void **state)
{
	(void)state;
	bad("\xa1", 1, DEFLATE);
	bad("\x91", 1, DEFLATE);
	bad("\xf1", 1, DEFLATE);
	bad("\xc1", 1, 0);
	bad("\xc0", 1, MESSAGE | DEFLATE); /* not on a continuation */
	bad("\xc9", 1, DEFLATE);	   /* not on a control frame */
	bad("\x80", 1, 0);
	bad("\x00", 1, DEFLATE);
	bad("\x81", 1, MESSAGE);
	bad("\x02", 1, MESSAGE);
	bad("\xc1", 1, MESSAGE | DEFLATE);
	bad("\x08", 1, 0);
	bad("\x09", 1, MESSAGE);
	bad("\x0a", 1, 0);
	bad("\x81\x05", 2, 0); /* not masked */
	bad("\x81\x00", 2, 0);
	bad("\x81\x7e", 2, 0);
	bad("\x89\xfe", 2, 0); /* control frame of 126 bytes or more */
	bad("\x88\xff", 2, 0);
	bad("\x82\xfe\x00\x7d", 4, 0);
	bad("\x82\xfe\x00\x00", 4, 0);
	bad("\x82\xff\x80", 3, 0);
	bad("\x82\xff\xff", 3, 0);
	bad("\x82\xff\0\0\0\0\0\0\xff\xff", 10, 0);
	bad("\x82\xff\0\0\0\0\0\0\0\x01", 10, 0);
}

static void
test_every_opcode(void **state)
{
	struct ws_frame_header h;
	char bytes[] = "\x80\x80" KEY;
	int opcode, known, flags;

	(void)state;
	for (opcode = 0; opcode < 16; opcode++) {
		bytes[0] = (char)(0x80 | opcode);
		known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
		flags = opcode == 0 ? MESSAGE : 0;
		assert_int_equal(decode(bytes, 6, (unsigned int)flags, &h),
		    known ? 6 : -EPROTO);
	}
}

static void
check_encode(uint64_t len, const char *want, size_t n)
{
	uint8_t out[WS_FRAME_SERVER_HEADER_MAX + 1];

	memset(out, 0x5a, sizeof(out));
	assert_int_equal(ws_frame_header_size(len), n);
	assert_int_equal(ws_frame_header_encode(out, WS_OP_TEXT, true, false,
			     len),
	    n);
	assert_memory_equal(out, want, n);
	assert_int_equal(out[n], 0x5a);
}

static void
test_encode(void **state)
{
	uint8_t out[WS_FRAME_SERVER_HEADER_MAX];

	(void)state;
	check_encode(0, "\x81\x00", 2);
	check_encode(5, "\x81\x05", 2);
	check_encode(125, "\x81\x7d", 2);
	check_encode(126, "\x81\x7e\x00\x7e", 4);
	check_encode(256, "\x81\x7e\x01\x00", 4);
	check_encode(65535, "\x81\x7e\xff\xff", 4);
	check_encode(65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
	check_encode(INT64_MAX, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10);
	ws_frame_header_encode(out, WS_OP_PING, true, false, 0);
	assert_int_equal(out[0], 0x89);
	ws_frame_header_encode(out, WS_OP_BINARY, false, true, 0);
	assert_int_equal(out[0], 0x42);
	ws_frame_header_encode(out, WS_OP_CONTINUATION, true, false, 0);
	assert_int_equal(out[0], 0x80);
}

static void
test_close_codes(void **state)
{
	static const uint16_t valid[] = { 1000, 1001, 1002, 1003, 1007, 1008,
		1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4001,
		4999 };
	static const uint16_t invalid[] = { 0, 1, 999, 1004, 1005, 1006, 1015,
		1016, 1100, 2000, 2999, 5000, 65535 };
	uint8_t payload[WS_FRAME_CONTROL_MAX];
	uint16_t code;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		payload[0] = (uint8_t)(valid[i] >> 8);
		payload[1] = (uint8_t)valid[i];
		assert_int_equal(ws_frame_close_decode(payload, 2, &code), 0);
		assert_int_equal(code, valid[i]);
	}
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		payload[0] = (uint8_t)(invalid[i] >> 8);
		payload[1] = (uint8_t)invalid[i];
		assert_int_equal(ws_frame_close_decode(payload, 2, &code),
		    -EPROTO);
		assert_int_equal(ws_frame_close_encode(payload, invalid[i], "",
				     0),
		    0);
	}
}

static void
test_close_payloads(void **state)
{
	uint8_t payload[WS_FRAME_CONTROL_MAX + 1] = "\x03\xe8"
						    "bye";
	uint16_t code = 7;

	(void)state;
	assert_int_equal(ws_frame_close_decode(payload, 1, &code), -EPROTO);
	assert_int_equal(code, 7);
	assert_int_equal(ws_frame_close_decode(payload, 5, &code), 0);
	assert_int_equal(code, 1000);
	assert_int_equal(ws_frame_close_decode(NULL, 0, &code), 0);
	assert_int_equal(code, WS_CLOSE_NO_STATUS);
	memcpy(payload + 2, "\xc3\xa4\xc3", 3);
	assert_int_equal(ws_frame_close_decode(payload, 4, &code), 0);
	assert_int_equal(ws_frame_close_decode(payload, 5, &code), -EILSEQ);
	payload[2] = 0xff;
	assert_int_equal(ws_frame_close_decode(payload, 5, &code), -EILSEQ);
	memset(payload + 2, 'x', sizeof(payload) - 2);
	assert_int_equal(ws_frame_close_decode(payload, 125, &code), 0);
	assert_int_equal(ws_frame_close_decode(payload, 126, &code), -EPROTO);
}

static void
test_close_encode(void **state)
{
	uint8_t out[WS_FRAME_CONTROL_MAX];
	char reason[200];
	uint16_t code;
	size_t n, pad;

	(void)state;
	assert_int_equal(ws_frame_close_encode(out, 4001, NULL, 0), 2);
	assert_memory_equal(out, "\x0f\xa1", 2);
	assert_int_equal(ws_frame_close_encode(out, 1012, "later", 5), 7);
	assert_memory_equal(out, "\x03\xf4later", 7);
	assert_int_equal(ws_frame_close_encode(out, 1005, "x", 1), 0);

	/* Cut in front of a character of four bytes, wherever it begins. */
	for (pad = 110; pad < 130; pad++) {
		memset(reason, 'a', sizeof(reason));
		memcpy(reason + pad, "\xf0\x9f\x98\x80", 4);
		n = ws_frame_close_encode(out, 1000, reason, sizeof(reason));
		assert_int_equal(n,
		    2 + (pad < 123 && pad + 4 > 123 ? pad : 123));
		assert_int_equal(ws_frame_close_decode(out, n, &code), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_headers),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_every_opcode),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_close_codes),
		cmocka_unit_test(test_close_payloads),
		cmocka_unit_test(test_close_encode),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
