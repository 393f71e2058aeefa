/* SPDX-License-Identifier: ISC */
/*
 * A scanner for the top level of an array.  It relies on the parser that ran
 * before for everything but memory safety: all it must know of JSON is where
 * strings end and how deep the brackets are.
 */
#include "worker/relay/json_range.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_blanks(const char *text, size_t len, size_t at)
{
	while (at < len && is_blank(text[at]))
		at++;
	return at;
}

/* Behind the string whose opening quote is at `at`; len if it has no end. */
static size_t
skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len; at++) {
		if (text[at] == '\\')
			at++;
		else if (text[at] == '"')
			return at + 1;
	}
	return len;
}

/* The comma or bracket that ends the element which begins at `at`. */
static size_t
skip_element(const char *text, size_t len, size_t at)
{
	size_t depth = 0;

	while (at < len) {
		switch (text[at]) {
		case '"':
			at = skip_string(text, len, at);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return at;
			depth--;
			break;
		case ',':
			if (depth == 0)
				return at;
			break;
		default:
			break;
		}
		at++;
	}
	return len;
}

int
json_range_split(const char *text, size_t len, size_t count,
    struct json_range *out_ranges)
{
	size_t at, end, stop, found = 0;

	at = skip_blanks(text, len, 0);
	if (at >= len || text[at] != '[')
		return -EINVAL;
	at = skip_blanks(text, len, at + 1);
	if (at < len && text[at] == ']')
		return count == 0 ? 0 : -EINVAL;
	while (at < len) {
		stop = skip_element(text, len, at);
		if (stop >= len || text[stop] == '}' || found == count)
			return -EINVAL;
		for (end = stop; end > at && is_blank(text[end - 1]); end--)
			;
		out_ranges[found].offset = at;
		out_ranges[found].len = end - at;
		found++;
		if (text[stop] == ']')
			return found == count ? 0 : -EINVAL;
		at = skip_blanks(text, len, stop + 1);
	}
	return -EINVAL;
}
