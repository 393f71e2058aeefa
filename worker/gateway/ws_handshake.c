/* SPDX-License-Identifier: ISC */
/*
 * Judges an upgrade request and formats the 101 (RFC 6455 section 4.2).  Of
 * several permessage-deflate offers the first that we can keep is taken
 * (RFC 7692 section 7.1): context takeover is switched off both ways whether
 * the client offered that or not, which the RFC allows, because a compression
 * context could neither be moved to another process nor outlive one.  Pure;
 * called by the gateway's handshake.
 */
#include "worker/gateway/ws_handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/gateway/ws_digest.h"

#define VALUE_MAX 16 /* longer parameter values are unknown ones */

/* Where a header line is being read. */
struct cursor {
	const char *p;
	const char *end;
};

enum param {
	PARAM_SERVER_NO_TAKEOVER,
	PARAM_CLIENT_NO_TAKEOVER,
	PARAM_SERVER_BITS,
	PARAM_CLIENT_BITS,
	PARAM_COUNT,
};

static const char *const param_names[PARAM_COUNT] = {
	[PARAM_SERVER_NO_TAKEOVER] = "server_no_context_takeover",
	[PARAM_CLIENT_NO_TAKEOVER] = "client_no_context_takeover",
	[PARAM_SERVER_BITS] = "server_max_window_bits",
	[PARAM_CLIENT_BITS] = "client_max_window_bits",
};

/* One element of Sec-WebSocket-Extensions. */
struct offer {
	bool acceptable;
	bool seen[PARAM_COUNT];
	uint8_t server_bits;
};

static void
skip_blanks(struct cursor *at)
{
	while (at->p < at->end && (*at->p == ' ' || *at->p == '\t'))
		at->p++;
}

/* Take the character, with blanks around it, if it comes next. */
static bool
take(struct cursor *at, char c)
{
	skip_blanks(at);
	if (at->p == at->end || *at->p != c)
		return (false);
	at->p++;
	skip_blanks(at);
	return (true);
}

static int
take_token(struct cursor *at, struct http_slice *out)
{
	size_t n = http_token_span(at->p, (size_t)(at->end - at->p));

	if (n == 0)
		return (-EPROTO);
	*out = (struct http_slice){ at->p, n };
	at->p += n;
	return (0);
}

/*
 * Take a value: a token, or a quoted string that is a token without its quotes
 * and backslashes (RFC 6455 section 9.1).  One that is too long for any
 * value we know comes out cut, which is no value we know either.
 */
static int
take_value(struct cursor *at, char out[VALUE_MAX + 1])
{
	struct http_slice token;
	size_t n = 0;
	bool closed = false;

	if (at->p == at->end || *at->p != '"') {
		if (take_token(at, &token) != 0)
			return (-EPROTO);
		n = token.len < VALUE_MAX ? token.len : VALUE_MAX;
		memcpy(out, token.ptr, n);
		out[n] = '\0';
		return (0);
	}
	for (at->p++; at->p < at->end && !closed; at->p++) {
		if (*at->p == '"') {
			closed = true;
			continue;
		}
		if (*at->p == '\\' && ++at->p == at->end)
			break;
		if (http_token_span(at->p, 1) != 1)
			return (-EPROTO);
		if (n < VALUE_MAX)
			out[n++] = *at->p;
	}
	out[n] = '\0';
	return (closed && n > 0 ? 0 : -EPROTO);
}

/* 8 to 15 without leading zeros, else 0. */
static uint8_t
window_bits(const char *value)
{
	if ((value[0] == '8' || value[0] == '9') && value[1] == '\0')
		return ((uint8_t)(value[0] - '0'));
	if (value[0] == '1' && value[1] >= '0' && value[1] <= '5' &&
	    value[2] == '\0')
		return ((uint8_t)(10 + value[1] - '0'));
	return (0);
}

/* Can we keep this parameter?  value is NULL when it has none. */
static bool
param_acceptable(struct offer *offer, struct http_slice name, const char *value)
{
	int i;

	for (i = 0; i < PARAM_COUNT; i++) {
		if (http_slice_is(name, param_names[i]))
			break;
	}
	if (i == PARAM_COUNT || offer->seen[i])
		return (false);
	offer->seen[i] = true;
	switch (i) {
	case PARAM_SERVER_BITS:
		offer->server_bits = value == NULL ? 0 : window_bits(value);
		return (offer->server_bits != 0);
	case PARAM_CLIENT_BITS:
		/* Our inflater takes every window: nothing to answer. */
		return (value == NULL || window_bits(value) != 0);
	default:
		return (value == NULL);
	}
}

static int
parse_offer(struct cursor *at, struct offer *out)
{
	struct http_slice name;
	char value[VALUE_MAX + 1];
	bool has_value;

	memset(out, 0, sizeof(*out));
	if (take_token(at, &name) != 0)
		return (-EPROTO);
	out->acceptable = http_slice_is(name, "permessage-deflate");
	while (take(at, ';')) {
		if (take_token(at, &name) != 0)
			return (-EPROTO);
		has_value = take(at, '=');
		if (has_value && take_value(at, value) != 0)
			return (-EPROTO);
		if (!param_acceptable(out, name, has_value ? value : NULL))
			out->acceptable = false;
	}
	return (0);
}

/* Go to the next element of a list, over empty ones; is there one? */
static bool
next_element(struct cursor *at)
{
	skip_blanks(at);
	while (take(at, ','))
		continue;
	return (at->p < at->end);
}

/* Only a comma, or nothing, may follow an element. */
static bool
element_ends(struct cursor *at)
{
	skip_blanks(at);
	return (at->p == at->end || *at->p == ',');
}

static struct cursor
begin_line(struct http_slice line)
{
	return ((struct cursor){ line.ptr, line.ptr + line.len });
}

static int
parse_extensions(const struct http_lines *lines, bool compression,
    struct ws_handshake *out)
{
	struct cursor at;
	struct offer offer;
	unsigned int i;

	for (i = 0; i < lines->count; i++) {
		at = begin_line(lines->line[i]);
		while (next_element(&at)) {
			if (parse_offer(&at, &offer) != 0 || !element_ends(&at))
				return (-EPROTO);
			if (!offer.acceptable || !compression || out->deflate)
				continue;
			out->deflate = true;
			out->name_window_bits = offer.seen[PARAM_SERVER_BITS];
			if (out->name_window_bits)
				out->window_bits = offer.server_bits;
		}
	}
	return (0);
}

static int
parse_protocols(const struct http_lines *lines, struct ws_handshake *out)
{
	struct http_slice name;
	struct cursor at;
	unsigned int i;

	for (i = 0; i < lines->count; i++) {
		at = begin_line(lines->line[i]);
		while (next_element(&at)) {
			if (take_token(&at, &name) != 0 || !element_ends(&at))
				return (-EPROTO);
			if (http_slice_is(name, WS_HANDSHAKE_PROTOCOL))
				out->protocol_v1 = true;
		}
	}
	return (0);
}

/* 22 characters of base64 and two of padding: 16 bytes. */
static bool
key_valid(struct http_slice key)
{
	size_t i;
	char c;

	if (key.len != WS_DIGEST_KEY_LEN || memcmp(key.ptr + 22, "==", 2) != 0)
		return (false);
	for (i = 0; i < 22; i++) {
		c = key.ptr[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '+' || c == '/'))
			return (false);
	}
	return (true);
}

static int
refuse(struct http_refusal *out, int status, const char *message)
{
	*out = (struct http_refusal){ .status = status, .message = message };
	return (-EPROTO);
}

int
ws_handshake_parse(const struct http_request *req, bool compression,
    struct ws_handshake *out, struct http_refusal *out_refusal)
{
	struct ws_handshake hs = { .window_bits = 15 };

	if (!req->upgrade_websocket)
		return (refuse(out_refusal, 426, "this is a WebSocket"));
	if (!req->connection_upgrade)
		return (
		    refuse(out_refusal, 400, "Connection lacks \"Upgrade\""));
	if (req->ws_version.ptr == NULL)
		return (refuse(out_refusal, 400,
		    "Sec-WebSocket-Version is missing"));
	if (!http_slice_is(req->ws_version, "13"))
		return (
		    refuse(out_refusal, 426, "only version 13 is spoken here"));
	if (req->ws_key.ptr == NULL)
		return (
		    refuse(out_refusal, 400, "Sec-WebSocket-Key is missing"));
	if (!key_valid(req->ws_key))
		return (refuse(out_refusal, 400,
		    "Sec-WebSocket-Key is not 16 bytes in base64"));
	if (parse_protocols(&req->ws_protocols, &hs) != 0)
		return (refuse(out_refusal, 400,
		    "malformed Sec-WebSocket-Protocol"));
	if (parse_extensions(&req->ws_extensions, compression, &hs) != 0)
		return (refuse(out_refusal, 400,
		    "malformed Sec-WebSocket-Extensions"));
	if (ws_digest_accept(req->ws_key.ptr, hs.accept) != 0) {
		(void)refuse(out_refusal, 500, "no digest available");
		return (-EIO);
	}
	*out = hs;
	return (0);
}

int
ws_handshake_format(const struct ws_handshake *hs, char *buf, size_t cap)
{
	char bits[40] = "";
	int n;

	if (hs->name_window_bits) {
		snprintf(bits, sizeof(bits), "; server_max_window_bits=%u",
		    (unsigned int)hs->window_bits);
	}
	n = snprintf(buf, cap,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n"
	    "%s%s%s%s\r\n",
	    hs->accept,
	    hs->protocol_v1 ? "Sec-WebSocket-Protocol: " WS_HANDSHAKE_PROTOCOL
			      "\r\n" :
			      "",
	    hs->deflate ?
		"Sec-WebSocket-Extensions: permessage-deflate; "
		"server_no_context_takeover; client_no_context_takeover" :
		"",
	    bits, hs->deflate ? "\r\n" : "");
	return (n < 0 || (size_t)n >= cap ? -ENOSPC : n);
}
