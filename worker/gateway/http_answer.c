/* SPDX-License-Identifier: ISC */
/*
 * Formats the answers of the client port that end a connection: refusals and
 * the health answer (RFC 9110).  The body comes first, into a small buffer,
 * since the head states its length.  Pure; called by the gateway's handshake.
 */
#include "worker/gateway/http_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define BODY_MAX 512

static const struct status_row {
	int status;
	const char *phrase;
	const char *code;
	const char *lines; /* required with this status */
} status_rows[] = {
	{ 200, "OK", "ok", "" }, { 400, "Bad Request", "bad_request", "" },
	{ 401, "Unauthorized", "unauthorized", "" },
	{ 403, "Forbidden", "forbidden", "" },
	{ 404, "Not Found", "not_found", "" },
	{ 405, "Method Not Allowed", "method_not_allowed", "Allow: GET\r\n" },
	{ 408, "Request Timeout", "timeout", "" },
	{ 414, "URI Too Long", "target_too_long", "" },
	{ 426, "Upgrade Required", "upgrade_required",
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n" },
	{ 429, "Too Many Requests", "too_many_requests", "" },
	{ 431, "Request Header Fields Too Large", "headers_too_large", "" },
	{ 503, "Service Unavailable", "unavailable", "" },
	{ 505, "HTTP Version Not Supported", "http_version", "" },
	{ 500, "Internal Server Error", "internal", "" }, /* the last */
};

/* Unknown statuses are told as 500. */
static const struct status_row *
find_status(int status)
{
	const struct status_row *row = status_rows;

	while (row->status != status && row->status != 500)
		row++;
	return (row);
}

const char *
http_answer_code(int status)
{
	return (find_status(status)->code);
}

/* Copy text as the inside of a JSON string; what needs \u is not expected. */
static void
json_copy(char *out, size_t cap, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 3 <= cap; text++) {
		if (*text == '"' || *text == '\\')
			out[n++] = '\\';
		out[n++] = (unsigned char)*text < 0x20 ? ' ' : *text;
	}
	out[n] = '\0';
}

/* Head, lines and body. */
static int
format(int status, const char *lines, const char *body, int body_len, char *buf,
    size_t cap)
{
	const struct status_row *row = find_status(status);
	int n;

	n = snprintf(buf, cap,
	    "HTTP/1.1 %d %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %d\r\n"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n"
	    "%s%s\r\n"
	    "%s",
	    row->status, row->phrase, body_len, row->lines, lines, body);
	return (n < 0 || (size_t)n >= cap ? -ENOSPC : n);
}

int
http_answer_refusal_format(const struct http_refusal *refusal,
    int retry_after_s, char *buf, size_t cap)
{
	char body[BODY_MAX], code[64], message[320], lines[48] = "";
	const char *word = refusal->code;
	int body_len;

	if (word == NULL)
		word = http_answer_code(refusal->status);
	json_copy(code, sizeof(code), word);
	json_copy(message, sizeof(message), refusal->message);
	body_len = snprintf(body, sizeof(body),
	    "{\"error\": \"%s\", \"message\": \"%s\"}\n", code, message);
	if (retry_after_s >= 0) {
		snprintf(lines, sizeof(lines), "Retry-After: %d\r\n",
		    retry_after_s);
	}
	return (format(refusal->status, lines, body, body_len, buf, cap));
}

int
http_answer_health_format(int status, const char *word, uint32_t retry_after_ms,
    char *buf, size_t cap)
{
	char body[BODY_MAX], code[64], lines[128];
	uint32_t seconds = retry_after_ms / 1000 + (retry_after_ms % 1000 != 0);
	int body_len, n;

	json_copy(code, sizeof(code), word);
	body_len = snprintf(body, sizeof(body),
	    "{\"status\": \"%s\", \"retry_after_ms\": %" PRIu32 "}\n", code,
	    retry_after_ms);
	n = snprintf(lines, sizeof(lines),
	    "Access-Control-Allow-Origin: *\r\n");
	if (retry_after_ms > 0) {
		snprintf(lines + n, sizeof(lines) - (size_t)n,
		    "Retry-After: %" PRIu32 "\r\n", seconds);
	}
	return (format(status, lines, body, body_len, buf, cap));
}
