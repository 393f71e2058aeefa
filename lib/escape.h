/* SPDX-License-Identifier: ISC */
/*
 * Makes untrusted bytes safe to show: control characters, quotes, bytes that
 * are not UTF-8, and the Unicode characters that reorder or break lines on a
 * terminal (C1 controls, bidirectional overrides, line separators) are
 * escaped. Pure.
 */
#ifndef HOLDFAST_LIB_ESCAPE_H
#define HOLDFAST_LIB_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum escape_form {
	ESCAPE_JSON,   /* inside a JSON string; bad bytes become \ufffd */
	ESCAPE_QUOTED, /* inside "" in logfmt; bad bytes become \xNN */
};

/* The longest escape of one character. */
#define ESCAPE_MAX 12

/*
 * Length of the UTF-8 character at bytes (1 to 4), 0 when there is none: an
 * overlong form, a surrogate, beyond U+10FFFF, cut off, or len == 0.
 */
size_t escape_utf8_len(const char *bytes, size_t len);
/* Is all of it UTF-8? */
bool escape_is_utf8(const char *bytes, size_t len);

/*
 * Escapes src into dst (no NUL is added), stopping before the first character
 * that does not fit. Returns the bytes written; *out_used (may be NULL) is how
 * much of src that covers.
 */
size_t escape_text(enum escape_form form, const char *src, size_t len,
    char *dst, size_t cap, size_t *out_used);

/*
 * The same for one character: writes at most ESCAPE_MAX bytes to dst and
 * returns how many; *out_used is the character's length. len > 0.
 */
size_t escape_char(enum escape_form form, const char *src, size_t len,
    char *dst, size_t *out_used);

#endif
