/* SPDX-License-Identifier: ISC */
/*
 * A lexer for just as much of libconfig's grammar as tells a whole number from
 * strings, comments, names and fractions (see conf_scan.h).
 */
#include "lib/conf_scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *
skip_string(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : p;
}

static const char *
skip_comment(const char *p)
{
	const char *end;

	if (p[0] == '/' && p[1] == '*') {
		end = strstr(p + 2, "*/");
		return end == NULL ? p + strlen(p) : end + 2;
	}
	return p + strcspn(p, "\n");
}

static bool
starts_comment(const char *p)
{
	return *p == '#' || (p[0] == '/' && (p[1] == '/' || p[1] == '*'));
}

static const char *
skip_name(const char *p)
{
	while (
	    isalnum((unsigned char)*p) || *p == '_' || *p == '-' || *p == '*')
		p++;
	return p;
}

/* Moves past the number at p, whose sign was skipped; whether it fits. */
static bool
take_number(const char **p, bool negative)
{
	bool is_hex = (*p)[0] == '0' && ((*p)[1] == 'x' || (*p)[1] == 'X');
	uint64_t limit = INT32_MAX;
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(*p, &end, is_hex ? 16 : 10);
	if (!is_hex && (*end == '.' || *end == 'e' || *end == 'E')) {
		/* A fraction: strtod() reads all of it. */
		strtod(*p, &end);
		*p = end;
		return true;
	}
	if (*end == 'L') {
		limit = INT64_MAX;
		while (*end == 'L')
			end++;
	}
	*p = end;
	return errno == 0 && value <= limit + (negative ? 1 : 0);
}

static unsigned
line_of(const char *text, const char *p)
{
	unsigned line = 1;

	for (; text < p; text++)
		if (*text == '\n')
			line++;
	return line;
}

unsigned
conf_scan_big_number(const char *text)
{
	const char *p = text;
	bool negative = false;

	while (*p != '\0') {
		const char *start = p;

		if (isdigit((unsigned char)*p)) {
			if (!take_number(&p, negative))
				return line_of(text, start);
		} else if (*p == '"') {
			p = skip_string(p);
		} else if (starts_comment(p)) {
			p = skip_comment(p);
		} else if (isalpha((unsigned char)*p) || *p == '*') {
			p = skip_name(p);
		} else {
			p++;
		}
		negative = *start == '-';
	}
	return 0;
}
