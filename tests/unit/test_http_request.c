/* SPDX-License-Identifier: ISC */
/* Unit tests of the request parser: what it reads, and all that it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/http_request.h"

#define SAMPLE_KEY  "dGhlIHNhbXBsZSBub25jZQ=="
#define LINE(text)  text "\r\n"
#define HOST_LINE   LINE("Host: server.example.com")
#define GET(target) LINE("GET " target " HTTP/1.1")

/* The example of RFC 6455 section 1.2. */
static const char sample[] = GET("/chat?client_id=a%20b")
    HOST_LINE LINE("Upgrade: websocket") LINE("Connection: Upgrade")
	LINE("Sec-WebSocket-Key: " SAMPLE_KEY)
	    LINE("Origin: http://example.com")
		LINE("Sec-WebSocket-Protocol: chat, superchat")
		    LINE("Sec-WebSocket-Version: 13") "\r\n";

/* Parse in memory that ends where the text ends, so that ASan sees. */
static int
parse(const char *text, size_t len, struct http_request *out, char **out_copy)
{
	char *copy = malloc(len > 0 ? len : 1);
	int n;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, text, len);
	n = http_request_parse(copy, len, out);
	if (out_copy != NULL)
		*out_copy = copy;
	else
		free(copy);
	return (n);
}

static void
assert_refused_n(const char *text, size_t len, int status)
{
	struct http_request req;
	int n = parse(text, len, &req, NULL);

	if (n != -EPROTO || req.status != status)
		fail_msg("%d, status %d (not %d) for:\n%s", n, req.status,
		    status, text);
	assert_non_null(req.reason);
}

static void
assert_refused(const char *text, int status)
{
	assert_refused_n(text, strlen(text), status);
}

static void
assert_accepted(const char *text)
{
	struct http_request req;
	int n = parse(text, strlen(text), &req, NULL);

	if (n != (int)strlen(text))
		fail_msg("%d (%s) for:\n%s", n, n < 0 ? req.reason : "-", text);
	assert_int_equal(req.status, 0);
}

static void
test_sample(void **state)
{
	struct http_request req;
	char *copy;

	(void)state;
	assert_int_equal(parse(sample, sizeof(sample) - 1, &req, &copy),
	    sizeof(sample) - 1);
	assert_true(http_slice_is(req.target, "/chat?client_id=a%20b"));
	assert_true(http_slice_is(req.path, "/chat"));
	assert_true(http_slice_is(req.query, "client_id=a%20b"));
	assert_true(http_slice_is(req.host, "server.example.com"));
	assert_true(http_slice_is(req.origin, "http://example.com"));
	assert_true(http_slice_is(req.ws_key, SAMPLE_KEY));
	assert_true(http_slice_is(req.ws_version, "13"));
	assert_int_equal(req.ws_protocols.count, 1);
	assert_true(http_slice_is(req.ws_protocols.line[0], "chat, superchat"));
	assert_int_equal(req.ws_extensions.count, 0);
	assert_true(req.upgrade_websocket);
	assert_true(req.connection_upgrade);
	assert_null(req.cookie.ptr);
	assert_null(req.client_id.ptr);
	free(copy);
}

static void
test_every_prefix_is_incomplete(void **state)
{
	struct http_request req;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(sample) - 1; len++)
		assert_int_equal(parse(sample, len, &req, NULL), 0);
}

static void
test_bytes_behind_the_head_are_ignored(void **state)
{
	struct http_request req;
	char text[sizeof(sample) + 4];

	(void)state;
	memcpy(text, sample, sizeof(sample) - 1);
	memcpy(text + sizeof(sample) - 1, "\x81\x80\n\r\n", 5);
	assert_int_equal(parse(text, sizeof(text), &req, NULL),
	    sizeof(sample) - 1);
}

static void
test_request_lines(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n",
		"\r\n" GET("/") HOST_LINE "\r\n",
		" GET / HTTP/1.1\r\n" HOST_LINE "\r\n",
		"GET  / HTTP/1.1\r\n" HOST_LINE "\r\n",
		"GET /  HTTP/1.1\r\n" HOST_LINE "\r\n",
		"GET / HTTP/1.1 \r\n" HOST_LINE "\r\n",
		"GET\t/ HTTP/1.1\r\n" HOST_LINE "\r\n",
		"GET / http/1.1\r\n" HOST_LINE "\r\n",
		"GET / HTTP/1.x\r\n" HOST_LINE "\r\n",
		"GET / HTTP/11\r\n" HOST_LINE "\r\n",
		"GET / HTTP/1.10\r\n" HOST_LINE "\r\n",
		"GET /\r\n" HOST_LINE "\r\n",
		"GET HTTP/1.1\r\n" HOST_LINE "\r\n",
		"G(T / HTTP/1.1\r\n" HOST_LINE "\r\n",
		GET("ws") HOST_LINE "\r\n",
		GET("*") HOST_LINE "\r\n",
		GET("http://server.example.com/ws") HOST_LINE "\r\n",
		GET("/ws#fragment") HOST_LINE "\r\n",
		GET("/w\x01s") HOST_LINE "\r\n",
		GET("/w\x7fs") HOST_LINE "\r\n",
		GET("/w\xc3\xa4") HOST_LINE "\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i], 400);
	assert_refused("GET / HTTP/1.0\r\n" HOST_LINE "\r\n", 505);
	assert_refused("GET / HTTP/2.0\r\n" HOST_LINE "\r\n", 505);
	assert_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
	assert_refused("POST / HTTP/1.1\r\n" HOST_LINE "\r\n", 405);
	assert_refused("get / HTTP/1.1\r\n" HOST_LINE "\r\n", 405);
	assert_refused("GETS / HTTP/1.1\r\n" HOST_LINE "\r\n", 405);
	assert_accepted(GET("/") HOST_LINE "\r\n");
	assert_accepted(GET("/a/b;c=1?x={\"y|^`\"}&z=?/") HOST_LINE "\r\n");
}

static void
test_query_slices(void **state)
{
	struct http_request req;
	const char *text;
	char *copy;

	(void)state;
	text = GET("/a?b?c") HOST_LINE "\r\n";
	assert_true(parse(text, strlen(text), &req, &copy) > 0);
	assert_true(http_slice_is(req.path, "/a"));
	assert_true(http_slice_is(req.query, "b?c"));
	free(copy);
	text = GET("/?") HOST_LINE "\r\n";
	assert_true(parse(text, strlen(text), &req, &copy) > 0);
	assert_true(http_slice_is(req.query, ""));
	free(copy);
	text = GET("/") HOST_LINE "\r\n";
	assert_true(parse(text, strlen(text), &req, &copy) > 0);
	assert_null(req.query.ptr);
	free(copy);
}

static void
test_header_lines(void **state)
{
	static const char *const bad[] = {
		"X-A : 1\r\n",
		"X-A\t: 1\r\n",
		" X-A: 1\r\n",
		"X-A: 1\r\n folded\r\n",
		"X-A: 1\r\n\tfolded\r\n",
		"X-A\r\n",
		": 1\r\n",
		"X A: 1\r\n",
		"X-\xc3\xa4: 1\r\n",
		"X-A: a\x01\r\n",
		"X-A: a\x7f\r\n",
		"X-A: a\nX-B: b\r\n",
		"X-A: a\rX-B: b\r\n",
		"X-A: a\r\r\n",
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), GET("/") HOST_LINE "%s\r\n",
		    bad[i]);
		assert_refused(text, 400);
		/* The request line may be followed by it as well. */
		snprintf(text, sizeof(text), GET("/") "%s" HOST_LINE "\r\n",
		    bad[i]);
		assert_refused(text, 400);
	}
	assert_refused_n(GET("/") "X: a\0b\r\n" HOST_LINE "\r\n",
	    sizeof(GET("/") "X: a\0b\r\n" HOST_LINE "\r\n") - 1, 400);
	assert_accepted(GET("/") HOST_LINE "X-A:\r\nX-B: \t \r\n\r\n");
	assert_accepted(
	    GET("/") HOST_LINE "X~!#$%&'*+-.^_`|: \xc3\xa4\t1\r\n\r\n");
}

static void
test_values_are_trimmed(void **state)
{
	static const char text[] = GET("/") "hOST:\t server:1 \t\r\n"
					    "X-Client-Id:\r\n"
					    "cookie: a=b; c=d\r\n"
					    "AUTHORIZATION: Bearer x\r\n"
					    "user-agent: y z\r\n\r\n";
	struct http_request req;
	char *copy;

	(void)state;
	assert_true(parse(text, sizeof(text) - 1, &req, &copy) > 0);
	assert_true(http_slice_is(req.host, "server:1"));
	assert_true(http_slice_is(req.client_id, ""));
	assert_true(http_slice_is(req.cookie, "a=b; c=d"));
	assert_true(http_slice_is(req.authorization, "Bearer x"));
	assert_true(http_slice_is(req.user_agent, "y z"));
	free(copy);
}

static void
test_hosts(void **state)
{
	static const char *const good[] = { "a", "a:80", "a.b-c:8080",
		"127.0.0.1:8080", "[::1]", "[::1]:8080", "a:", "x_y.example",
		"[::ffff:1.2.3.4]:1" };
	static const char *const bad[] = { "", ":80", "a b", "a:b", "a:80:81",
		"a/b", "u@a", "[::1", "[]", "[::1]x", "[::1]80", "::1",
		"a:123456", "[g::]", "a:-1", "[::1]:x", "a]" };
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), GET("/") "Host: %s  \r\n\r\n",
		    good[i]);
		assert_accepted(text);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), GET("/") "Host: %s  \r\n\r\n",
		    bad[i]);
		assert_refused(text, 400);
	}
	assert_refused(GET("/") "\r\n", 400);
	assert_refused(GET("/") HOST_LINE HOST_LINE "\r\n", 400);
}

static void
test_bodies_are_refused(void **state)
{
	(void)state;
	assert_accepted(GET("/") HOST_LINE "Content-Length: 0\r\n\r\n");
	assert_refused(GET("/") HOST_LINE "Content-Length: 1\r\n\r\n", 400);
	assert_refused(GET("/") HOST_LINE "Content-Length: 00\r\n\r\n", 400);
	assert_refused(GET("/") HOST_LINE "Content-Length:\r\n\r\n", 400);
	assert_refused(GET("/") HOST_LINE "Content-Length: 0\r\n"
					  "Content-Length: 0\r\n\r\n",
	    400);
	assert_refused(GET("/") HOST_LINE "Transfer-Encoding: chunked\r\n\r\n",
	    400);
	assert_refused(GET("/") HOST_LINE "transfer-encoding:\r\n\r\n", 400);
}

static void
test_repeated_headers(void **state)
{
	static const char *const single[] = { "Host", "Origin", "X-Client-Id",
		"Authorization", "Cookie", "User-Agent", "Sec-WebSocket-Key",
		"Sec-WebSocket-Version" };
	struct http_request req;
	char text[1024], *copy;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		snprintf(text, sizeof(text),
		    GET("/") HOST_LINE "%s: a\r\n%s: a\r\n\r\n", single[i],
		    single[i]);
		assert_refused(text, 400);
	}
	n = (size_t)snprintf(text, sizeof(text), GET("/") HOST_LINE);
	for (i = 0; i < HTTP_REQUEST_MAX_LINES; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "X-Forwarded-For: 10.0.0.1, 10.0.0.%zu\r\n", i);
	snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(parse(text, n + 2, &req, &copy), n + 2);
	assert_int_equal(req.forwarded_for.count, HTTP_REQUEST_MAX_LINES);
	assert_true(
	    http_slice_is(req.forwarded_for.line[HTTP_REQUEST_MAX_LINES - 1],
		"10.0.0.1, 10.0.0.7"));
	free(copy);
	snprintf(text + n, sizeof(text) - n, "X-Forwarded-For: a\r\n\r\n");
	assert_refused(text, 431);
}

static void
test_upgrade_tokens(void **state)
{
	static const struct {
		const char *lines;
		bool upgrade, connection;
	} cases[] = {
		{ "Upgrade: WebSocket\r\nConnection: UPGRADE\r\n", true, true },
		{ "Upgrade: h2c, websocket\r\n"
		  "Connection: keep-alive, Upgrade\r\n",
		    true, true },
		{ "Upgrade: h2c\r\nUpgrade: websocket\r\n"
		  "Connection: keep-alive\r\nConnection: ,upgrade ,\r\n",
		    true, true },
		{ "Upgrade: websockets\r\nConnection: upgraded\r\n", false,
		    false },
		{ "Upgrade: websocket/13\r\nConnection: close\r\n", false,
		    false },
		{ "Upgrade:\r\nConnection: ,,\r\n", false, false },
		{ "Upgrade: web socket\r\n", false, false },
		{ "", false, false },
	};
	struct http_request req;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), GET("/") HOST_LINE "%s\r\n",
		    cases[i].lines);
		assert_true(parse(text, strlen(text), &req, NULL) > 0);
		assert_int_equal(req.upgrade_websocket, cases[i].upgrade);
		assert_int_equal(req.connection_upgrade, cases[i].connection);
	}
}

/* What cannot become a request is refused before an empty line comes. */
static void
test_early_refusals(void **state)
{
	char text[40];

	(void)state;
	assert_refused("\x16\x03\x01\x02", 400);
	assert_refused("\r\n", 400);
	assert_refused("\n", 400);
	assert_refused(" ", 400);
	assert_refused("GE\tT", 400);
	assert_refused("GET / HTTP/1.1\nHost: a\n\n", 400);
	memset(text, 'A', sizeof(text));
	assert_refused_n(text, sizeof(text), 400);
}

static void
test_too_long(void **state)
{
	(void)state;
	assert_int_equal(http_request_too_long("GET /aaaaa", 10), 414);
	assert_int_equal(http_request_too_long(GET("/") "X: aa", 21), 431);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_every_prefix_is_incomplete),
		cmocka_unit_test(test_bytes_behind_the_head_are_ignored),
		cmocka_unit_test(test_request_lines),
		cmocka_unit_test(test_query_slices),
		cmocka_unit_test(test_header_lines),
		cmocka_unit_test(test_values_are_trimmed),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_bodies_are_refused),
		cmocka_unit_test(test_repeated_headers),
		cmocka_unit_test(test_upgrade_tokens),
		cmocka_unit_test(test_early_refusals),
		cmocka_unit_test(test_too_long),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
