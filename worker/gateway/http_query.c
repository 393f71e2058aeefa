/* SPDX-License-Identifier: ISC */
/*
 * Finds and percent-decodes one parameter of a query string (RFC 3986 section
 * 2.1).  Pure; called by the gateway's handshake.
 */
#include "worker/gateway/http_query.h"

#include <errno.h>
#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

/* Percent-decode to buf with a NUL behind it. */
static int
percent_decode(struct http_slice in, char *buf, size_t cap, size_t *out_len)
{
	size_t i, n = 0;
	int high, low;
	char c;

	for (i = 0; i < in.len; i++) {
		c = in.ptr[i];
		if (c == '%') {
			if (in.len - i < 3)
				return (-EINVAL);
			high = hex_digit(in.ptr[i + 1]);
			low = hex_digit(in.ptr[i + 2]);
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return (-EINVAL);
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (n + 1 >= cap)
			return (-ENOSPC);
		buf[n++] = c;
	}
	if (cap == 0)
		return (-ENOSPC);
	buf[n] = '\0';
	*out_len = n;
	return (0);
}

int
http_query_get(struct http_slice query, const char *name, char *buf, size_t cap,
    size_t *out_len)
{
	struct http_slice value = { NULL, 0 };
	size_t name_len = strlen(name), n;
	const char *p = query.ptr, *end, *amp;

	if (p == NULL)
		return (-ENOENT);
	end = p + query.len;
	while (p < end) {
		amp = memchr(p, '&', (size_t)(end - p));
		if (amp == NULL)
			amp = end;
		n = (size_t)(amp - p);
		if (n >= name_len && memcmp(p, name, name_len) == 0 &&
		    (n == name_len || p[name_len] == '=')) {
			if (value.ptr != NULL)
				return (-EINVAL);
			value.ptr = p + name_len + (n > name_len);
			value.len = (size_t)(amp - value.ptr);
		}
		p = amp + (amp < end);
	}
	if (value.ptr == NULL)
		return (-ENOENT);
	return (percent_decode(value, buf, cap, out_len));
}
