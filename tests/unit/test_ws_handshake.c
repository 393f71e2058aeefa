/* SPDX-License-Identifier: ISC */
/* Unit tests of the opening handshake and of permessage-deflate's offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/ws_handshake.h"

#define HEAD "GET /ws HTTP/1.1\r\nHost: a\r\n"
#define UP   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VER  "Sec-WebSocket-Version: 13\r\n"
#define KEY  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ALL  HEAD UP VER KEY
#define PMD  "permessage-deflate"

static int
judge(const char *head, struct ws_handshake *hs, struct http_refusal *refusal)
{
	struct http_request req;
	char text[2048];

	snprintf(text, sizeof(text), "%s\r\n", head);
	assert_int_equal(http_request_parse(text, strlen(text), &req),
	    strlen(text));
	return (ws_handshake_parse(&req, true, hs, refusal));
}

static void
assert_status(const char *head, int status)
{
	struct ws_handshake hs;
	struct http_refusal refusal;

	assert_int_equal(judge(head, &hs, &refusal), -EPROTO);
	assert_int_equal(refusal.status, status);
	assert_non_null(refusal.message);
}

static void
test_refusals(void **state)
{
	(void)state;
	assert_status(HEAD, 426);
	assert_status(HEAD VER KEY "Upgrade: h2c\r\n", 426);
	assert_status(HEAD VER KEY "Upgrade: websocket\r\n", 400);
	assert_status(HEAD UP KEY, 400);
	assert_status(HEAD UP KEY "Sec-WebSocket-Version: 8\r\n", 426);
	assert_status(HEAD UP KEY "Sec-WebSocket-Version: 13, 8\r\n", 426);
	assert_status(HEAD UP KEY "Sec-WebSocket-Version: 013\r\n", 426);
	assert_status(HEAD UP VER, 400);
}

static void
test_keys(void **state)
{
	static const char *const bad[] = { "", "dGhlIHNhbXBsZSBub25jZQ",
		"dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
		"dGhlIHNhbXBsZSBub25jZQ==x",
		"dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25jZTEx",
		"dGhlIHNhbXBs ZSBub25jZ==", "dGhlIHNhbXBsZSBub25j-_==",
		"=GhlIHNhbXBsZSBub25jZQ==" };
	char head[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(head, sizeof(head),
		    HEAD UP VER "Sec-WebSocket-Key: %s\r\n", bad[i]);
		assert_status(head, 400);
	}
}

static void
assert_answer(const char *head, const char *lines)
{
	struct ws_handshake hs;
	struct http_refusal refusal;
	char buf[WS_HANDSHAKE_MAX], want[WS_HANDSHAKE_MAX];
	int n, cap;

	assert_int_equal(judge(head, &hs, &refusal), 0);
	n = ws_handshake_format(&hs, buf, sizeof(buf));
	snprintf(want, sizeof(want),
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	    "%s\r\n",
	    lines);
	assert_string_equal(buf, want);
	assert_int_equal(n, strlen(want));
	for (cap = 0; cap <= n; cap++)
		assert_int_equal(ws_handshake_format(&hs, buf, (size_t)cap),
		    -ENOSPC);
}

static void
test_answers(void **state)
{
	(void)state;
	assert_answer(ALL, "");
	assert_answer(ALL "Sec-WebSocket-Protocol: chat\r\n", "");
	assert_answer(ALL "Sec-WebSocket-Protocol: chat, holdfast.v1\r\n",
	    "Sec-WebSocket-Protocol: holdfast.v1\r\n");
	assert_answer(ALL "Sec-WebSocket-Protocol: chat\r\n"
			  "Sec-WebSocket-Protocol: x,,holdfast.v1,\r\n",
	    "Sec-WebSocket-Protocol: holdfast.v1\r\n");
	assert_answer(ALL "Sec-WebSocket-Protocol: HOLDFAST.v1\r\n", "");
	assert_answer(ALL "Sec-WebSocket-Protocol: holdfast.v12\r\n", "");
	assert_answer(ALL "Sec-WebSocket-Protocol:\r\n", "");
	assert_answer(ALL "Sec-WebSocket-Extensions: " PMD "\r\n",
	    "Sec-WebSocket-Extensions: permessage-deflate; "
	    "server_no_context_takeover; client_no_context_takeover\r\n");
	assert_answer(ALL "Sec-WebSocket-Protocol: holdfast.v1\r\n"
			  "Sec-WebSocket-Extensions: x-foo; a=1\r\n"
			  "Sec-WebSocket-Extensions: " PMD
			  "; server_max_window_bits=10\r\n",
	    "Sec-WebSocket-Protocol: holdfast.v1\r\n"
	    "Sec-WebSocket-Extensions: permessage-deflate; "
	    "server_no_context_takeover; client_no_context_takeover; "
	    "server_max_window_bits=10\r\n");
	assert_status(ALL "Sec-WebSocket-Protocol: a b\r\n", 400);
	assert_status(ALL "Sec-WebSocket-Protocol: \"a\"\r\n", 400);
}

struct offer_case {
	const char *offer;
	int bits; /* agreed; 0 declined; -1 broken grammar */
	bool named;
};

static void
check_offer(const struct offer_case *c)
{
	struct ws_handshake hs;
	struct http_refusal refusal;
	char head[1024];
	int result;

	snprintf(head, sizeof(head), ALL "Sec-WebSocket-Extensions: %s\r\n",
	    c->offer);
	result = judge(head, &hs, &refusal);
	if (result != (c->bits < 0 ? -EPROTO : 0))
		fail_msg("%d for: %s", result, c->offer);
	if (result != 0) {
		assert_int_equal(refusal.status, 400);
		return;
	}
	if (hs.deflate != (c->bits > 0) || hs.name_window_bits != c->named ||
	    hs.window_bits != (c->bits > 0 ? c->bits : 15))
		fail_msg("%d %d %d for: %s", hs.deflate, hs.name_window_bits,
		    hs.window_bits, c->offer);
}

static const struct offer_case offer_cases[] = {
	{ PMD, 15, false },
	{ PMD "; client_max_window_bits", 15, false },
	{ PMD "; client_max_window_bits=8", 15, false },
	{ PMD ";client_no_context_takeover;client_max_window_bits=15", 15,
	    false },
	{ PMD " ; server_no_context_takeover ; "
	      "client_no_context_takeover",
	    15, false },
	{ PMD "; server_max_window_bits=8", 8, true },
	{ PMD "; server_max_window_bits=9", 9, true },
	{ PMD "; server_max_window_bits=12", 12, true },
	{ PMD "; server_max_window_bits=15", 15, true },
	{ PMD "; server_max_window_bits=\"10\"", 10, true },
	{ PMD "; server_max_window_bits=\"1\\0\"", 10, true },
	{ PMD "; server_max_window_bits = 10", 10, true },

	{ "", 0, false },
	{ "x-webkit-deflate-frame", 0, false },
	{ "permessage-deflat", 0, false },
	{ "permessage-deflatee", 0, false },
	{ PMD "; server_max_window_bits", 0, false },
	{ PMD "; server_max_window_bits=7", 0, false },
	{ PMD "; server_max_window_bits=16", 0, false },
	{ PMD "; server_max_window_bits=08", 0, false },
	{ PMD "; server_max_window_bits=+9", 0, false },
	{ PMD "; server_max_window_bits=100", 0, false },
	{ PMD "; server_max_window_bits=999999999999999999999", 0, false },
	{ PMD "; client_max_window_bits=7", 0, false },
	{ PMD "; client_max_window_bits=16", 0, false },
	{ PMD "; client_max_window_bits=x", 0, false },
	{ PMD "; server_no_context_takeover=true", 0, false },
	{ PMD "; client_no_context_takeover=15", 0, false },
	{ PMD "; unknown", 0, false },
	{ PMD "; unknown=1", 0, false },
	{ PMD "; server_max_window_bits=9; server_max_window_bits=9", 0,
	    false },
	{ PMD "; client_max_window_bits; client_max_window_bits", 0, false },
	{ PMD "; server_no_context_takeover; "
	      "server_no_context_takeover",
	    0, false },

	/* The first acceptable one wins. */
	{ PMD "; unknown, " PMD "; server_max_window_bits=11, " PMD, 11, true },
	{ PMD ", " PMD "; server_max_window_bits=11", 15, false },
	{ "mux; max-channels=4; flow-control, " PMD, 15, false },
	{ "a;b=\"c\", , " PMD ",", 15, false },

	{ PMD ";", -1, false },
	{ PMD ";;client_max_window_bits", -1, false },
	{ PMD "; =1", -1, false },
	{ PMD "; client_max_window_bits=", -1, false },
	{ PMD "; client_max_window_bits=,", -1, false },
	{ PMD "; client_max_window_bits=\"\"", -1, false },
	{ PMD "; client_max_window_bits=\"1 0\"", -1, false },
	{ PMD "; client_max_window_bits=\"10", -1, false },
	{ PMD "; client_max_window_bits=\"10\\", -1, false },
	{ PMD "; client_max_window_bits=\"10\"1", -1, false },
	{ PMD " client_max_window_bits", -1, false },
	{ PMD "; a b", -1, false },
	{ PMD ", @", -1, false },
	{ "; " PMD, -1, false },
};

static void
test_offers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(offer_cases) / sizeof(offer_cases[0]); i++)
		check_offer(&offer_cases[i]);
}

static void
test_compression_switched_off(void **state)
{
	static const char text[] = ALL "Sec-WebSocket-Extensions: " PMD
				       "; server_max_window_bits=9\r\n\r\n";
	struct http_request req;
	struct http_refusal refusal;
	struct ws_handshake hs;

	(void)state;
	assert_true(http_request_parse(text, sizeof(text) - 1, &req) > 0);
	assert_int_equal(ws_handshake_parse(&req, false, &hs, &refusal), 0);
	assert_false(hs.deflate);
	assert_false(hs.name_window_bits);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_compression_switched_off),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
