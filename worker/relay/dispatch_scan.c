/* SPDX-License-Identifier: ISC */
/*
 * Reads JSON (RFC 8259) once, byte by byte, and keeps nothing.  Whatever is not
 * quite plain (escaped names, \u, long numbers, deep nesting, many members) is
 * left to dispatch_body.c, which is slower and knows what is wrong with it.
 */
#include "worker/relay/dispatch_scan.h"

#include <stdint.h>
#include <string.h>

#include "lib/escape.h"
#include "worker/relay/dispatch_body.h"

#define DEPTH_MAX   16
#define MEMBERS_MAX 16 /* of an object */
#define DIGITS_MAX  15 /* of a number: neither too large nor inexact */

struct scan {
	const char *at;
	const char *end;
	int depth;
};

struct scan_text {
	const char *bytes;
	size_t len;
	bool is_plain; /* no escapes, printable ASCII */
};

static bool scan_value(struct scan *);

static void
skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end &&
	    (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' ||
		*scan->at == '\r'))
		scan->at++;
}

static bool
take(struct scan *scan, char what)
{
	if (scan->at == scan->end || *scan->at != what)
		return false;
	scan->at++;
	return true;
}

static bool
take_word(struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(scan->end - scan->at) < len ||
	    memcmp(scan->at, word, len) != 0)
		return false;
	scan->at += len;
	return true;
}

/* One character that is not plain; false: not a good one. */
static bool
scan_special(struct scan *scan)
{
	size_t len;

	if (*scan->at == '\\') {
		if (scan->end - scan->at < 2 || scan->at[1] == '\0' ||
		    strchr("\"\\/bfnrt", scan->at[1]) == NULL)
			return false;
		scan->at += 2;
		return true;
	}
	len = escape_utf8_len(scan->at, (size_t)(scan->end - scan->at));
	if (len < 2)
		return false; /* a control character, or no UTF-8 */
	scan->at += len;
	return true;
}

static bool
scan_string(struct scan *scan, struct scan_text *out)
{
	if (!take(scan, '"'))
		return false;
	out->bytes = scan->at;
	out->is_plain = true;
	while (scan->at < scan->end && *scan->at != '"') {
		if (*scan->at >= ' ' && *scan->at <= '~' && *scan->at != '\\') {
			scan->at++;
			continue;
		}
		out->is_plain = false;
		if (!scan_special(scan))
			return false;
	}
	out->len = (size_t)(scan->at - out->bytes);
	return take(scan, '"');
}

static int
scan_digits(struct scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at - from > DIGITS_MAX ? -1 : (int)(scan->at - from);
}

static bool
scan_number(struct scan *scan)
{
	const char *first;
	int whole, part = 0;

	(void)take(scan, '-');
	first = scan->at;
	whole = scan_digits(scan);
	if (whole <= 0 || (whole > 1 && *first == '0'))
		return false;
	if (take(scan, '.')) {
		part = scan_digits(scan);
		if (part <= 0)
			return false;
	}
	return scan->at == scan->end || (*scan->at != 'e' && *scan->at != 'E');
}

static bool
scan_array(struct scan *scan)
{
	skip_blanks(scan);
	if (take(scan, ']'))
		return true;
	do {
		skip_blanks(scan);
		if (!scan_value(scan))
			return false;
		skip_blanks(scan);
	} while (take(scan, ','));
	return take(scan, ']');
}

/* A name that none of the members before has, and the colon. */
static bool
scan_name(struct scan *scan, struct scan_text *names, int count)
{
	struct scan_text *name = &names[count];
	int i;

	skip_blanks(scan);
	if (count == MEMBERS_MAX || !scan_string(scan, name) || !name->is_plain)
		return false;
	for (i = 0; i < count; i++) {
		if (names[i].len == name->len &&
		    memcmp(names[i].bytes, name->bytes, name->len) == 0)
			return false;
	}
	skip_blanks(scan);
	if (!take(scan, ':'))
		return false;
	skip_blanks(scan);
	return true;
}

static bool
scan_object(struct scan *scan)
{
	struct scan_text names[MEMBERS_MAX];
	int count = 0;

	skip_blanks(scan);
	if (take(scan, '}'))
		return true;
	do {
		if (!scan_name(scan, names, count++) || !scan_value(scan))
			return false;
		skip_blanks(scan);
	} while (take(scan, ','));
	return take(scan, '}');
}

static bool
scan_value(struct scan *scan)
{
	struct scan_text text;
	bool is_good;

	if (scan->at == scan->end || scan->depth == DEPTH_MAX)
		return false;
	scan->depth++;
	switch (*scan->at) {
	case '{':
		scan->at++;
		is_good = scan_object(scan);
		break;
	case '[':
		scan->at++;
		is_good = scan_array(scan);
		break;
	case '"':
		is_good = scan_string(scan, &text);
		break;
	case 't':
		is_good = take_word(scan, "true");
		break;
	case 'f':
		is_good = take_word(scan, "false");
		break;
	case 'n':
		is_good = take_word(scan, "null");
		break;
	default:
		is_good = scan_number(scan);
		break;
	}
	scan->depth--;
	return is_good;
}

static bool
is_name(const struct scan_text *name, const char *word)
{
	return name->len == strlen(word) &&
	    memcmp(name->bytes, word, name->len) == 0;
}

/* A member of the document itself. */
static bool
scan_member(struct scan *scan, const struct scan_text *name,
    struct scan_text *target, struct scan_text *message_id)
{
	struct scan_text text, *out;

	if (is_name(name, "payload"))
		return scan_value(scan);
	if (is_name(name, "target_client_id"))
		return scan_string(scan, target) && target->is_plain &&
		    api_client_id_ok(target->bytes, target->len);
	out = is_name(name, "message_id") ? message_id : &text;
	if (out == &text && !is_name(name, "event_type"))
		return false;
	return scan_string(scan, out) && out->is_plain && out->len > 0 &&
	    out->len <= API_TEXT_MAX;
}

bool
dispatch_scan(const char *bytes, size_t len, struct dispatch_doc *out)
{
	struct scan scan = { bytes, bytes + len, 1 };
	struct scan_text names[MEMBERS_MAX], target = { 0 }, message_id = { 0 };
	int count = 0;

	skip_blanks(&scan);
	if (!take(&scan, '{'))
		return false;
	do {
		if (!scan_name(&scan, names, count) ||
		    !scan_member(&scan, &names[count], &target, &message_id))
			return false;
		count++;
		skip_blanks(&scan);
	} while (take(&scan, ','));
	/* All four: there are no others, and none is there twice. */
	if (!take(&scan, '}') || count != 4)
		return false;
	skip_blanks(&scan);
	if (scan.at != scan.end)
		return false;
	*out = (struct dispatch_doc){ bytes, len, target.bytes, target.len,
		message_id.bytes, message_id.len };
	return true;
}
