/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what an unknown client can reach before 101: request parser, query
 * reader, handshake and the answers.  Checks that every slice lies inside
 * the head, that no shorter input was already complete, and that an accepted
 * head stays accepted with bytes behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/gateway/client_id.h"
#include "worker/gateway/http_query.h"
#include "worker/gateway/http_request.h"
#include "worker/gateway/ws_handshake.h"

static void
expect(bool fact)
{
	if (!fact)
		abort();
}

static void
check_slice(const char *buf, int head, struct http_slice slice)
{
	if (slice.ptr == NULL)
		return;
	expect(slice.ptr >= buf && slice.ptr + slice.len <= buf + head);
	expect(memchr(slice.ptr, '\r', slice.len) == NULL);
	expect(memchr(slice.ptr, '\n', slice.len) == NULL);
	expect(memchr(slice.ptr, '\0', slice.len) == NULL);
}

static void
check_lines(const char *buf, int head, const struct http_lines *lines)
{
	unsigned int i;

	expect(lines->count <= HTTP_REQUEST_MAX_LINES);
	for (i = 0; i < lines->count; i++)
		check_slice(buf, head, lines->line[i]);
}

static void
check_request(const char *buf, int head, const struct http_request *req)
{
	char id[CLIENT_ID_MAX + 1];
	size_t len;

	expect(head >= 4 && memcmp(buf + head - 4, "\r\n\r\n", 4) == 0);
	expect(memmem(buf, (size_t)head - 1, "\r\n\r\n", 4) == NULL);
	expect(req->path.ptr != NULL && req->path.ptr[0] == '/');
	expect(req->host.ptr != NULL && req->host.len > 0);
	check_slice(buf, head, req->target);
	check_slice(buf, head, req->query);
	check_slice(buf, head, req->host);
	check_slice(buf, head, req->origin);
	check_slice(buf, head, req->client_id);
	check_slice(buf, head, req->authorization);
	check_slice(buf, head, req->cookie);
	check_slice(buf, head, req->user_agent);
	check_slice(buf, head, req->ws_key);
	check_slice(buf, head, req->ws_version);
	check_lines(buf, head, &req->ws_protocols);
	check_lines(buf, head, &req->ws_extensions);
	check_lines(buf, head, &req->forwarded_for);
	if (http_query_get(req->query, "client_id", id, sizeof(id), &len) ==
	    0) {
		expect(len < sizeof(id) && strlen(id) == len);
		if (client_id_check(id, len) == 0)
			expect(len >= 1 && len <= CLIENT_ID_MAX);
	}
}

static void
check_handshake(const struct http_request *req)
{
	struct http_refusal refusal;
	struct ws_handshake hs;
	char answer[HTTP_ANSWER_MAX];
	int n, result;

	result = ws_handshake_parse(req, true, &hs, &refusal);
	if (result == 0) {
		expect(hs.window_bits >= 8 && hs.window_bits <= 15);
		expect(hs.deflate || !hs.name_window_bits);
		n = ws_handshake_format(&hs, answer, WS_HANDSHAKE_MAX);
	} else {
		expect(refusal.status == 400 || refusal.status == 426);
		n = http_answer_refusal_format(&refusal, -1, answer,
		    sizeof(answer));
	}
	expect(n > 0 && (size_t)n == strlen(answer));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *buf = (const char *)data;
	struct http_request req, again;
	int head = http_request_parse(buf, size, &req);

	if (head < 0) {
		expect(req.status >= 400 && req.reason != NULL);
		return (0);
	}
	expect(req.status == 0 && (size_t)head <= size);
	if (head == 0)
		return (0);
	expect(http_request_parse(buf, (size_t)head - 1, &again) == 0);
	expect(http_request_parse(buf, (size_t)head, &again) == head);
	check_request(buf, head, &req);
	check_handshake(&req);
	return (0);
}
