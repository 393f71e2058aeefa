/* SPDX-License-Identifier: ISC */
/*
 * Escaping of untrusted text (see escape.h), for log lines and JSON. RFC 8259
 * section 7; RFC 3629 for UTF-8.
 */
#include "lib/escape.h"

#include <stdio.h>
#include <string.h>

/* The code point of the well-formed character of len bytes. */
static uint32_t
code_point(const char *bytes, size_t len)
{
	static const unsigned char lead_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t cp = (unsigned char)bytes[0] & lead_mask[len];
	size_t i;

	for (i = 1; i < len; i++)
		cp = cp << 6 | ((unsigned char)bytes[i] & 0x3fu);
	return cp;
}

size_t
escape_utf8_len(const char *bytes, size_t len)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead;
	size_t want, i;
	uint32_t cp;

	if (len == 0)
		return 0;
	lead = (unsigned char)bytes[0];
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		want = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
		want = 3;
	else if (lead >= 0xf0 && lead <= 0xf4)
		want = 4;
	else
		return 0;
	if (len < want)
		return 0;
	for (i = 1; i < want; i++)
		if (((unsigned char)bytes[i] & 0xc0) != 0x80)
			return 0;
	cp = code_point(bytes, want);
	if (cp < smallest[want] || cp > 0x10ffff ||
	    (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	return want;
}

bool
escape_is_utf8(const char *bytes, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = escape_utf8_len(bytes + at, len - at);
		if (n == 0)
			return false;
	}
	return true;
}

/* Not ASCII, yet able to move or break what a terminal shows. */
static bool
is_deceptive(uint32_t cp)
{
	return (cp >= 0x80 && cp <= 0x9f) || /* C1 controls */
	    cp == 0x200e || cp == 0x200f || cp == 0x061c || cp == 0x2028 ||
	    cp == 0x2029 ||		      /* line separators */
	    (cp >= 0x202a && cp <= 0x202e) || /* bidi embeddings */
	    (cp >= 0x2066 && cp <= 0x2069) || /* bidi isolates */
	    cp == 0xfeff;
}

static size_t
put(char *dst, const char *text, size_t len)
{
	memcpy(dst, text, len);
	return len;
}

static size_t
put_hex(char *dst, const char *format, unsigned value)
{
	char text[ESCAPE_MAX + 1];
	int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	n = snprintf(text, sizeof(text), format, value);
#pragma GCC diagnostic pop
	return put(dst, text, (size_t)n);
}

static size_t
escape_ascii(char c, char *dst)
{
	switch (c) {
	case '"':
		return put(dst, "\\\"", 2);
	case '\\':
		return put(dst, "\\\\", 2);
	case '\n':
		return put(dst, "\\n", 2);
	case '\r':
		return put(dst, "\\r", 2);
	case '\t':
		return put(dst, "\\t", 2);
	default:
		break;
	}
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return put_hex(dst, "\\u%04x", (unsigned char)c);
	return put(dst, &c, 1);
}

size_t
escape_char(enum escape_form form, const char *src, size_t len, char *dst,
    size_t *out_used)
{
	size_t used = escape_utf8_len(src, len);
	uint32_t cp;

	if (used == 0) {
		*out_used = 1;
		if (form == ESCAPE_JSON)
			return put(dst, "\\ufffd", 6);
		return put_hex(dst, "\\x%02x", (unsigned char)src[0]);
	}
	*out_used = used;
	if (used == 1)
		return escape_ascii(src[0], dst);
	cp = code_point(src, used);
	/* All of these are in the basic plane: no surrogate pair is needed. */
	if (is_deceptive(cp))
		return put_hex(dst, "\\u%04x", cp);
	return put(dst, src, used);
}

size_t
escape_text(enum escape_form form, const char *src, size_t len, char *dst,
    size_t cap, size_t *out_used)
{
	char one[ESCAPE_MAX];
	size_t written = 0;
	size_t used = 0;

	while (used < len) {
		size_t step;
		size_t n = escape_char(form, src + used, len - used, one,
		    &step);

		if (n > cap - written)
			break;
		memcpy(dst + written, one, n);
		written += n;
		used += step;
	}
	if (out_used != NULL)
		*out_used = used;
	return written;
}
