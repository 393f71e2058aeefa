/* SPDX-License-Identifier: ISC */
/*
 * The clocks (see clock.h). clock_gettime() on these clocks cannot fail with a
 * valid pointer, so its result is not checked.
 */
#include "lib/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static uint64_t
read_ns(clockid_t id)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_mono_us(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000u;
}

uint64_t
clock_mono_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000000u;
}

uint64_t
clock_real_us(void)
{
	return read_ns(CLOCK_REALTIME) / 1000u;
}

uint64_t
clock_real_ms(void)
{
	return read_ns(CLOCK_REALTIME) / 1000000u;
}

size_t
clock_rfc3339_format(uint64_t real_ms, char *out_text, size_t cap)
{
	uint64_t seconds = real_ms / 1000;
	time_t t;
	struct tm tm;
	int n;

	/* The last second of the year 9999. */
	if (seconds > 253402300799u)
		return 0;
	t = (time_t)seconds;
	if (gmtime_r(&t, &tm) == NULL)
		return 0;
	n = snprintf(out_text, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (int)(real_ms % 1000));
	return n < 0 || (size_t)n >= cap ? 0 : (size_t)n;
}

/* Reads exactly `digits` decimal digits at *p and moves past them. */
static bool
take_digits(const char **p, int digits, int min, int max, int *out)
{
	int value = 0;
	int i;

	for (i = 0; i < digits; i++) {
		if ((*p)[i] < '0' || (*p)[i] > '9')
			return false;
		value = value * 10 + ((*p)[i] - '0');
	}
	if (value < min || value > max)
		return false;
	*p += digits;
	*out = value;
	return true;
}

static bool
take_char(const char **p, char wanted)
{
	if (**p != wanted)
		return false;
	(*p)++;
	return true;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool
take_fraction_ms(const char **p, int *out_ms)
{
	int weight = 100;
	int ms = 0;

	if (**p != '.') {
		*out_ms = 0;
		return true;
	}
	(*p)++;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		ms += weight * (**p - '0');
		weight /= 10;
	}
	*out_ms = ms;
	return true;
}

static bool
take_offset_seconds(const char **p, int *out_seconds)
{
	int sign, hours, minutes;

	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		*out_seconds = 0;
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	sign = **p == '-' ? -1 : 1;
	(*p)++;
	if (!take_digits(p, 2, 0, 23, &hours) || !take_char(p, ':') ||
	    !take_digits(p, 2, 0, 59, &minutes))
		return false;
	*out_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

int
clock_rfc3339_parse(const char *text, uint64_t *out_real_ms)
{
	const char *p = text;
	struct tm tm = { 0 };
	int year, month, ms, offset;
	int64_t total;

	if (!take_digits(&p, 4, 1970, 9999, &year) || !take_char(&p, '-') ||
	    !take_digits(&p, 2, 1, 12, &month) || !take_char(&p, '-') ||
	    !take_digits(&p, 2, 1, days_in_month(year, month), &tm.tm_mday))
		return -EINVAL;
	if (!take_char(&p, 'T') && !take_char(&p, 't') && !take_char(&p, ' '))
		return -EINVAL;
	if (!take_digits(&p, 2, 0, 23, &tm.tm_hour) || !take_char(&p, ':') ||
	    !take_digits(&p, 2, 0, 59, &tm.tm_min) || !take_char(&p, ':') ||
	    !take_digits(&p, 2, 0, 60, &tm.tm_sec) ||
	    !take_fraction_ms(&p, &ms) || !take_offset_seconds(&p, &offset) ||
	    *p != '\0')
		return -EINVAL;
	if (tm.tm_sec == 60) {
		tm.tm_sec = 59;
		ms = 999;
	}
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	total = ((int64_t)timegm(&tm) - offset) * 1000 + ms;
	if (total < 0)
		return -EINVAL;
	*out_real_ms = (uint64_t)total;
	return 0;
}
