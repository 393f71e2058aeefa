/* SPDX-License-Identifier: ISC */
/* Unit tests of the answers that end a connection, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/http_answer.h"

static void
test_refusal(void **state)
{
	const struct http_refusal refusal = { 503, "over_rate", "try later" };
	char buf[HTTP_ANSWER_MAX];
	int n;

	(void)state;
	n = http_answer_refusal_format(&refusal, 7, buf, sizeof(buf));
	assert_int_equal(n, strlen(buf));
	assert_string_equal(buf,
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: 47\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n"
	    "Retry-After: 7\r\n"
	    "\r\n"
	    "{\"error\": \"over_rate\", \"message\": \"try later\"}\n");
}

static void
assert_has(int status, const char *code, const char *line, bool has)
{
	struct http_refusal refusal = { status, code, "no" };
	char buf[HTTP_ANSWER_MAX];

	assert_true(
	    http_answer_refusal_format(&refusal, -1, buf, sizeof(buf)) > 0);
	assert_int_equal(strstr(buf, line) != NULL, has);
}

static void
test_lines_of_a_status(void **state)
{
	(void)state;
	assert_has(405, NULL, "\r\nAllow: GET\r\n", true);
	assert_has(405, NULL, "\"error\": \"method_not_allowed\"", true);
	assert_has(426, NULL, "\r\nSec-WebSocket-Version: 13\r\n", true);
	assert_has(426, NULL, "\r\nUpgrade: websocket\r\n", true);
	assert_has(400, NULL, "\r\nRetry-After", false);
	assert_has(400, NULL, "\"bad_request\"", true);
	assert_has(400, "bad_id", "\"error\": \"bad_id\"", true);
	assert_has(999, NULL, "HTTP/1.1 500 Internal Server Error\r\n", true);
	assert_string_equal(http_answer_code(404), "not_found");
}

static void
test_length_is_true(void **state)
{
	static const int statuses[] = { 400, 401, 403, 404, 405, 408, 414, 426,
		429, 431, 500, 503, 505 };
	struct http_refusal refusal = { 0, NULL, "a \"quoted\\\" text\n" };
	char buf[HTTP_ANSWER_MAX];
	const char *body, *length;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		refusal.status = statuses[i];
		assert_true(http_answer_refusal_format(&refusal, 2147483647,
				buf, sizeof(buf)) > 0);
		assert_int_equal(atoi(buf + 9), statuses[i]);
		body = strstr(buf, "\r\n\r\n") + 4;
		length = strstr(buf, "Content-Length: ") + 16;
		assert_int_equal(atoi(length), strlen(body));
		assert_non_null(strstr(body, "a \\\"quoted\\\\\\\" text "));
	}
}

/* Every room that is too small is refused, nothing is written behind it. */
static void
test_room(void **state)
{
	struct http_refusal refusal = { 426, NULL, NULL };
	char message[1000], buf[HTTP_ANSWER_MAX + 1];
	int n, cap;

	(void)state;
	memset(message, '"', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	refusal.message = message;
	n = http_answer_refusal_format(&refusal, 2147483647, buf,
	    HTTP_ANSWER_MAX);
	assert_true(n > 0);
	for (cap = 0; cap <= n; cap++) {
		buf[cap] = '!';
		assert_int_equal(http_answer_refusal_format(&refusal,
				     2147483647, buf, (size_t)cap),
		    -ENOSPC);
		assert_int_equal(buf[cap], '!');
	}
	assert_int_equal(http_answer_refusal_format(&refusal, 2147483647, buf,
			     (size_t)n + 1),
	    n);
}

static void
test_health(void **state)
{
	char buf[HTTP_ANSWER_MAX];
	int n;

	(void)state;
	n = http_answer_health_format(200, "ok", 0, buf, sizeof(buf));
	assert_int_equal(n, strlen(buf));
	assert_string_equal(buf,
	    "HTTP/1.1 200 OK\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: 38\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n"
	    "Access-Control-Allow-Origin: *\r\n"
	    "\r\n"
	    "{\"status\": \"ok\", \"retry_after_ms\": 0}\n");
	n = http_answer_health_format(503, "draining", 1001, buf, sizeof(buf));
	assert_true(n > 0);
	assert_non_null(strstr(buf, "HTTP/1.1 503 "));
	assert_non_null(strstr(buf, "\r\nRetry-After: 2\r\n"));
	assert_non_null(strstr(buf, "\"retry_after_ms\": 1001}"));
	assert_true(http_answer_health_format(503, "x", UINT32_MAX, buf,
			sizeof(buf)) > 0);
	assert_non_null(strstr(buf, "\r\nRetry-After: 4294968\r\n"));
	assert_int_equal(http_answer_health_format(200, "ok", 0, buf, 50),
	    -ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_lines_of_a_status),
		cmocka_unit_test(test_length_is_true),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_health),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
