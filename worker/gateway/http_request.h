/* SPDX-License-Identifier: ISC */
/*
 * The strict parser of the one HTTP/1.1 request head that opens every client
 * connection (RFC 9112, RFC 9110).  Pure and stateless: the caller hands over
 * what it has from the first byte on, and does so again when more has come.
 * Used by the gateway's handshake.
 */
#ifndef HOLDFAST_GATEWAY_HTTP_REQUEST_H
#define HOLDFAST_GATEWAY_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX_LINES 8 /* lines kept of one list header */

/* Bytes inside the caller's buffer; ptr is NULL when there were none. */
struct http_slice {
	const char *ptr; /* borrowed: the caller's buffer */
	size_t len;
};

/* The lines of a header that may be sent several times, in their order. */
struct http_lines {
	struct http_slice line[HTTP_REQUEST_MAX_LINES];
	unsigned int count;
};

struct http_request {
	struct http_slice target; /* as sent: path and query */
	struct http_slice path;	  /* not decoded */
	struct http_slice query;  /* without '?', not decoded */
	struct http_slice host;
	struct http_slice origin;
	struct http_slice client_id; /* X-Client-Id */
	struct http_slice authorization;
	struct http_slice cookie;
	struct http_slice user_agent;
	struct http_slice ws_key;     /* Sec-WebSocket-Key */
	struct http_slice ws_version; /* Sec-WebSocket-Version */
	struct http_slice content_length;
	struct http_lines ws_protocols;
	struct http_lines ws_extensions;
	struct http_lines forwarded_for; /* the last line is the nearest */
	bool upgrade_websocket;		 /* Upgrade: websocket */
	bool connection_upgrade;	 /* Connection: Upgrade */

	int status;	    /* why it was refused, or 0 */
	const char *reason; /* borrowed: a constant text */
};

/*
 * Parse the request head at the start of buf.  Returns the length of the
 * head with its empty line, 0 while it is incomplete, or -EPROTO with
 * out->status (400, 405, 414, 431 or 505) and out->reason set; nothing else
 * in *out may be used then.  Bytes behind the head are not looked at.  Until
 * the empty line has come only the beginning is checked, so that a client
 * which sends byte by byte costs one memory search each time.  The caller
 * bounds len; when 0 is returned at that bound, the answer is
 * http_request_too_long().
 */
int http_request_parse(const char *buf, size_t len, struct http_request *out)
    __attribute__((warn_unused_result));

/* 414 when not even the request line fitted into the buffer, else 431. */
int http_request_too_long(const char *buf, size_t len);

/* The number of bytes at p that may all stand in one token (RFC 9110). */
size_t http_token_span(const char *p, size_t n);

/* Is the slice exactly this text, in this case or in any? */
bool http_slice_is(struct http_slice slice, const char *text);
bool http_slice_is_nocase(struct http_slice slice, const char *text);

#endif
