/* SPDX-License-Identifier: ISC */
/*
 * Strict scalar parsers and formatters (see parse.h). Digits are read by hand
 * because strtoull() and friends accept blanks, signs and the locale's ideas.
 */
#include "lib/parse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: the formatters take the first that divides the value. */
static const struct unit duration_units[] = {
	{ "d", 86400000u },
	{ "h", 3600000u },
	{ "m", 60000u },
	{ "s", 1000u },
	{ "ms", 1u },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "TiB", (uint64_t)1 << 40 },
	{ "GiB", (uint64_t)1 << 30 },
	{ "MiB", (uint64_t)1 << 20 },
	{ "KiB", (uint64_t)1 << 10 },
	{ "", 1u },
	{ NULL, 0 },
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads the leading digits. -EINVAL when there are none; -ERANGE on overflow,
 * with *out_used set all the same so that the caller can tell "too big" from
 * "not a number at all".
 */
static int
read_digits(const char *bytes, size_t len, uint64_t *out, size_t *out_used)
{
	uint64_t value = 0;
	bool overflow = false;
	size_t i;

	for (i = 0; i < len && is_digit(bytes[i]); i++) {
		uint64_t digit = (uint64_t)(bytes[i] - '0');

		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			overflow = true;
	}
	*out_used = i;
	if (i == 0)
		return -EINVAL;
	if (overflow)
		return -ERANGE;
	*out = value;
	return 0;
}

int
parse_u64_n(const char *bytes, size_t len, uint64_t min, uint64_t max,
    uint64_t *out)
{
	uint64_t value = 0;
	size_t used;
	int rc;

	rc = read_digits(bytes, len, &value, &used);
	if (used != len || rc == -EINVAL)
		return -EINVAL;
	if (rc != 0 || value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int
parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	return parse_u64_n(text, strlen(text), min, max, out);
}

int
parse_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool negative = text[0] == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	uint64_t magnitude;
	int64_t value;
	int rc;

	rc = parse_u64(text + (negative ? 1 : 0), 0, limit, &magnitude);
	if (rc != 0)
		return rc;
	/* The detour by one keeps INT64_MIN from overflowing. */
	if (negative && magnitude > 0)
		value = -(int64_t)(magnitude - 1) - 1;
	else
		value = (int64_t)magnitude;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int
parse_double(const char *text, double min, double max, double *out)
{
	const char *p = text;
	int digits = 0;
	double value;

	if (*p == '-')
		p++;
	for (; is_digit(*p); p++)
		digits++;
	if (digits == 0)
		return -EINVAL;
	if (*p == '.') {
		p++;
		if (!is_digit(*p))
			return -EINVAL;
		for (; is_digit(*p); p++)
			digits++;
	}
	if (*p != '\0' || digits > 300)
		return -EINVAL;
	/*
	 * The shape is checked, so strtod() can round correctly; it reads '.'
	 * in the C locale only, which all our programs stay in.
	 */
	value = strtod(text, NULL);
	if (!isfinite(value) || value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int
parse_bool(const char *text, bool *out)
{
	if (strcmp(text, "true") == 0)
		*out = true;
	else if (strcmp(text, "false") == 0)
		*out = false;
	else
		return -EINVAL;
	return 0;
}

static int
parse_with_unit(const char *text, const struct unit *units, uint64_t min,
    uint64_t max, uint64_t *out)
{
	const struct unit *unit;
	uint64_t value = 0;
	size_t used;
	int rc;

	rc = read_digits(text, strlen(text), &value, &used);
	if (rc == -EINVAL)
		return -EINVAL;
	for (unit = units; unit->name != NULL; unit++)
		if (strcmp(text + used, unit->name) == 0)
			break;
	if (unit->name == NULL)
		return -EINVAL;
	if (rc != 0 || __builtin_mul_overflow(value, unit->factor, &value) ||
	    value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int
parse_duration_ms(const char *text, uint64_t min_ms, uint64_t max_ms,
    uint64_t *out_ms)
{
	if (strcmp(text, "0") == 0) {
		if (min_ms > 0)
			return -ERANGE;
		*out_ms = 0;
		return 0;
	}
	return parse_with_unit(text, duration_units, min_ms, max_ms, out_ms);
}

int
parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	return parse_with_unit(text, size_units, min, max, out);
}

static size_t
finish(int n, size_t cap)
{
	return n < 0 || (size_t)n >= cap ? 0 : (size_t)n;
}

static size_t
format_with_unit(uint64_t value, const struct unit *units, char *out_text,
    size_t cap)
{
	if (value == 0)
		return finish(snprintf(out_text, cap, "0"), cap);
	while (value % units->factor != 0)
		units++;
	return finish(snprintf(out_text, cap, "%llu%s",
			  (unsigned long long)(value / units->factor),
			  units->name),
	    cap);
}

size_t
format_duration_ms(uint64_t ms, char *out_text, size_t cap)
{
	/*
	 * 7200 s is written "2h" but 90 s stays "90s": the largest unit that
	 * divides is also the shortest text.
	 */
	return format_with_unit(ms, duration_units, out_text, cap);
}

size_t
format_size(uint64_t bytes, char *out_text, size_t cap)
{
	return format_with_unit(bytes, size_units, out_text, cap);
}

size_t
format_double(double value, char *out_text, size_t cap)
{
	char text[352];
	int precision;
	int n;

	/* Decimals only, since parse_double() reads no exponent. */
	for (precision = 0; precision <= 17; precision++) {
		n = snprintf(text, sizeof(text), "%.*f", precision, value);
		if (n < 0 || (size_t)n >= sizeof(text))
			return 0;
		if (strtod(text, NULL) == value)
			break;
	}
	return finish(snprintf(out_text, cap, "%s", text), cap);
}
