/* SPDX-License-Identifier: ISC */
/*
 * A strict parser of HTTP/1.1 request heads, as far as a WebSocket upgrade
 * and GET /healthz need them.  Whatever two readers of one request could
 * understand in two ways is refused: bare line feeds, folded lines, blanks
 * before a colon, bodies, repeated single headers (RFC 9112, RFC 9110).  Pure;
 * called by the gateway's handshake with all bytes of the request so far.
 */
#include "worker/gateway/http_request.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 32	/* longer words are no method anybody registered */
#define PREFIX_MAX 1024 /* bytes checked before the head is complete */

enum header_kind {
	HEADER_SINGLE,	/* one line at most */
	HEADER_LINES,	/* several lines are kept */
	HEADER_UPGRADE, /* a list in which one token matters */
	HEADER_CONNECTION,
	HEADER_REFUSED,
};

struct header_rule {
	const char *name;
	size_t name_len;
	enum header_kind kind;
	size_t offset; /* in struct http_request */
};

#define NAME(text) text, sizeof(text) - 1
#define AT(field)  offsetof(struct http_request, field)

static const struct header_rule header_rules[] = {
	{ NAME("host"), HEADER_SINGLE, AT(host) },
	{ NAME("origin"), HEADER_SINGLE, AT(origin) },
	{ NAME("x-client-id"), HEADER_SINGLE, AT(client_id) },
	{ NAME("authorization"), HEADER_SINGLE, AT(authorization) },
	{ NAME("cookie"), HEADER_SINGLE, AT(cookie) },
	{ NAME("user-agent"), HEADER_SINGLE, AT(user_agent) },
	{ NAME("sec-websocket-key"), HEADER_SINGLE, AT(ws_key) },
	{ NAME("sec-websocket-version"), HEADER_SINGLE, AT(ws_version) },
	{ NAME("content-length"), HEADER_SINGLE, AT(content_length) },
	{ NAME("sec-websocket-protocol"), HEADER_LINES, AT(ws_protocols) },
	{ NAME("sec-websocket-extensions"), HEADER_LINES, AT(ws_extensions) },
	{ NAME("x-forwarded-for"), HEADER_LINES, AT(forwarded_for) },
	{ NAME("upgrade"), HEADER_UPGRADE, 0 },
	{ NAME("connection"), HEADER_CONNECTION, 0 },
	{ NAME("transfer-encoding"), HEADER_REFUSED, 0 },
};

/* One bit for each thing that a byte may be part of. */
#define TOKEN  0x1 /* header names, methods: RFC 9110 tchar */
#define VALUE  0x2 /* header values: all but controls, with HTAB */
#define TARGET 0x4 /* request target: visible ASCII but '#' */
#define HOST   0x8 /* reg-name, IPv4 address and the port's colon */
#define ALL    (TOKEN | VALUE | TARGET | HOST)
#define LIST   (VALUE | TARGET | HOST)
#define OTHER  (VALUE | TARGET)

/* clang-format off */
static const uint8_t char_class[256] = {
	['0' ... '9'] = ALL, ['A' ... 'Z'] = ALL, ['a' ... 'z'] = ALL,
	['!'] = ALL, ['$'] = ALL, ['%'] = ALL, ['&'] = ALL, ['\''] = ALL,
	['*'] = ALL, ['+'] = ALL, ['-'] = ALL, ['.'] = ALL, ['_'] = ALL,
	['~'] = ALL,
	['('] = LIST, [')'] = LIST, [','] = LIST, [':'] = LIST,
	[';'] = LIST, ['='] = LIST,
	['"'] = OTHER, ['/'] = OTHER, ['<'] = OTHER, ['>'] = OTHER,
	['?'] = OTHER, ['@'] = OTHER, ['['] = OTHER, ['\\'] = OTHER,
	[']'] = OTHER, ['{'] = OTHER, ['}'] = OTHER,
	['#'] = TOKEN | VALUE,
	['^'] = TOKEN | OTHER, ['`'] = TOKEN | OTHER, ['|'] = TOKEN | OTHER,
	['\t'] = VALUE, [' '] = VALUE, [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

/* The number of bytes at p that all belong to the class. */
static size_t
span(const char *p, size_t n, unsigned int class)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if ((char_class[(uint8_t)p[i]] & class) == 0)
			break;
	}
	return (i);
}

static int
refuse(struct http_request *out, int status, const char *reason)
{
	out->status = status;
	out->reason = reason;
	return (-EPROTO);
}

size_t
http_token_span(const char *p, size_t n)
{
	return (span(p, n, TOKEN));
}

bool
http_slice_is(struct http_slice slice, const char *text)
{
	return (slice.ptr != NULL && strlen(text) == slice.len &&
	    memcmp(slice.ptr, text, slice.len) == 0);
}

bool
http_slice_is_nocase(struct http_slice slice, const char *text)
{
	return (slice.ptr != NULL && strlen(text) == slice.len &&
	    strncasecmp(slice.ptr, text, slice.len) == 0);
}

static struct http_slice
trim(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return ((struct http_slice){ p, (size_t)(end - p) });
}

/* Is the token, in any case, among the elements of a comma separated list? */
static bool
list_has(struct http_slice list, const char *token)
{
	const char *p = list.ptr, *end = p + list.len, *comma;

	while (p < end) {
		comma = memchr(p, ',', (size_t)(end - p));
		if (comma == NULL)
			comma = end;
		if (http_slice_is_nocase(trim(p, comma), token))
			return (true);
		p = comma + (comma < end);
	}
	return (false);
}

/* uri-host [ ":" port ]; that it is ours is not checked. */
static bool
host_valid(struct http_slice host)
{
	const char *p = host.ptr, *end = p + host.len, *colon, *bracket;

	if (host.len > 0 && *p == '[') {
		bracket = memchr(p, ']', host.len);
		if (bracket == NULL || bracket == p + 1)
			return (false);
		for (p++; p < bracket; p++) {
			if (memchr("0123456789abcdefABCDEF:.", *p, 24) == NULL)
				return (false);
		}
		colon = bracket + 1;
		if (colon < end && *colon != ':')
			return (false);
	} else {
		if (span(p, host.len, HOST) != host.len)
			return (false);
		colon = memchr(p, ':', host.len);
		if (colon == NULL)
			colon = end;
		if (colon == p)
			return (false);
	}
	if (end - colon > 6)
		return (false);
	for (p = colon + 1; p < end; p++) {
		if (*p < '0' || *p > '9')
			return (false);
	}
	return (true);
}

/* "GET" SP origin-form SP "HTTP/1.1", up to the CRLF at end. */
static int
parse_request_line(const char *p, const char *end, struct http_request *out)
{
	const char *space, *mark;
	size_t n;

	n = span(p, (size_t)(end - p), TOKEN);
	if (n == 0 || p + n == end || p[n] != ' ')
		return (refuse(out, 400, "malformed request line"));
	space = memchr(p + n + 1, ' ', (size_t)(end - p) - n - 1);
	if (space == NULL || end - space != 9 ||
	    memcmp(space + 1, "HTTP/", 5) != 0 || space[6] < '0' ||
	    space[6] > '9' || space[7] != '.' || space[8] < '0' ||
	    space[8] > '9')
		return (refuse(out, 400, "malformed request line"));
	if (memcmp(space + 6, "1.1", 3) != 0)
		return (refuse(out, 505, "only HTTP/1.1 is spoken here"));
	if (n != 3 || memcmp(p, "GET", 3) != 0)
		return (refuse(out, 405, "only GET is allowed"));

	p += 4;
	n = (size_t)(space - p);
	if (n == 0 || *p != '/' || span(p, n, TARGET) != n)
		return (refuse(out, 400, "malformed request target"));
	out->target = (struct http_slice){ p, n };
	mark = memchr(p, '?', n);
	if (mark == NULL) {
		out->path = out->target;
	} else {
		out->path = (struct http_slice){ p, (size_t)(mark - p) };
		out->query.ptr = mark + 1;
		out->query.len = (size_t)(space - mark) - 1;
	}
	return (0);
}

static const struct header_rule *
find_rule(struct http_slice name)
{
	size_t i;

	for (i = 0; i < sizeof(header_rules) / sizeof(header_rules[0]); i++) {
		if (name.len == header_rules[i].name_len &&
		    strncasecmp(name.ptr, header_rules[i].name, name.len) == 0)
			return (&header_rules[i]);
	}
	return (NULL);
}

static int
keep_header(const struct header_rule *rule, struct http_slice value,
    struct http_request *out)
{
	char *base = (char *)out;
	struct http_slice *slice;
	struct http_lines *lines;

	switch (rule->kind) {
	case HEADER_SINGLE:
		slice = (struct http_slice *)(void *)(base + rule->offset);
		if (slice->ptr != NULL)
			return (refuse(out, 400, "repeated header"));
		*slice = value;
		break;
	case HEADER_LINES:
		lines = (struct http_lines *)(void *)(base + rule->offset);
		if (lines->count == HTTP_REQUEST_MAX_LINES)
			return (refuse(out, 431, "header repeated too often"));
		lines->line[lines->count++] = value;
		break;
	case HEADER_UPGRADE:
		if (list_has(value, "websocket"))
			out->upgrade_websocket = true;
		break;
	case HEADER_CONNECTION:
		if (list_has(value, "upgrade"))
			out->connection_upgrade = true;
		break;
	case HEADER_REFUSED:
		return (refuse(out, 400, "a body is not allowed"));
	}
	return (0);
}

/* One header line, up to the CRLF at end. */
static int
parse_header(const char *p, const char *end, struct http_request *out)
{
	const struct header_rule *rule;
	struct http_slice name, value;

	name.ptr = p;
	name.len = span(p, (size_t)(end - p), TOKEN);
	/* This refuses folded lines and blanks before the colon as well. */
	if (name.len == 0 || p + name.len == end || p[name.len] != ':')
		return (refuse(out, 400, "malformed header name"));
	p += name.len + 1;
	if (span(p, (size_t)(end - p), VALUE) != (size_t)(end - p))
		return (refuse(out, 400, "control character in a header"));
	value = trim(p, end);
	rule = find_rule(name);
	return (rule == NULL ? 0 : keep_header(rule, value, out));
}

static int
check_whole(struct http_request *out)
{
	if (out->host.ptr == NULL)
		return (refuse(out, 400, "Host is missing"));
	if (!host_valid(out->host))
		return (refuse(out, 400, "malformed Host"));
	if (out->content_length.ptr != NULL &&
	    !http_slice_is(out->content_length, "0"))
		return (refuse(out, 400, "a body is not allowed"));
	return (0);
}

/*
 * Before the head is complete: refuse what cannot become a request, so that
 * a TLS client hello or a line-feed-only client gets an answer, not silence.
 */
static int
check_prefix(const char *buf, size_t len, struct http_request *out)
{
	const char *lf;
	size_t n;

	n = span(buf, len < METHOD_MAX ? len : METHOD_MAX, TOKEN);
	if ((n < len && buf[n] != ' ') || (n == 0 && len > 0))
		return (refuse(out, 400, "malformed request line"));
	lf = memchr(buf, '\n', len < PREFIX_MAX ? len : PREFIX_MAX);
	if (lf != NULL && lf[-1] != '\r')
		return (refuse(out, 400, "line without carriage return"));
	return (0);
}

int
http_request_parse(const char *buf, size_t len, struct http_request *out)
{
	const char *p = buf, *head_end, *end;
	int error;

	memset(out, 0, sizeof(*out));
	head_end = len == 0 ? NULL : memmem(buf, len, "\r\n\r\n", 4);
	if (head_end == NULL)
		return (check_prefix(buf, len, out));

	while (p <= head_end) {
		/* There is a CR at head_end at the latest. */
		end = memchr(p, '\r', (size_t)(head_end - p) + 1);
		if (end[1] != '\n')
			return (refuse(out, 400, "bare carriage return"));
		if (p == buf)
			error = parse_request_line(p, end, out);
		else
			error = parse_header(p, end, out);
		if (error != 0)
			return (error);
		p = end + 2;
	}
	error = check_whole(out);
	if (error != 0)
		return (error);
	return ((int)(head_end + 4 - buf));
}

int
http_request_too_long(const char *buf, size_t len)
{
	return (memchr(buf, '\n', len) == NULL ? 414 : 431);
}
