/* SPDX-License-Identifier: ISC */
/*
 * Numbers of the config (see conf_value.h). Values are moved with memcpy()
 * because a row's offset promises no type.
 */
#include "lib/conf_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

static bool
has_limits(const struct conf_key *key)
{
	return key->min != 0 || key->max != 0;
}

/* Largest value of an unsigned field of that size. */
static uint64_t
unsigned_max(size_t size)
{
	return size >= 8 ? UINT64_MAX : ((uint64_t)1 << (size * 8)) - 1;
}

static uint64_t
load_unsigned(const struct conf_key *key, const void *value)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (key->size) {
	case sizeof(u16):
		memcpy(&u16, value, sizeof(u16));
		return u16;
	case sizeof(u32):
		memcpy(&u32, value, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, value, sizeof(u64));
		return u64;
	}
}

static void
store_unsigned(const struct conf_key *key, void *value, uint64_t number)
{
	uint16_t u16 = (uint16_t)number;
	uint32_t u32 = (uint32_t)number;

	switch (key->size) {
	case sizeof(u16):
		memcpy(value, &u16, sizeof(u16));
		break;
	case sizeof(u32):
		memcpy(value, &u32, sizeof(u32));
		break;
	default:
		memcpy(value, &number, sizeof(number));
		break;
	}
}

static void
format_unsigned(const struct conf_key *key, uint64_t number, char *text,
    size_t cap)
{
	if (key->type == CONF_DURATION)
		format_duration_ms(number, text, cap);
	else if (key->type == CONF_SIZE)
		format_size(number, text, cap);
	else
		snprintf(text, cap, "%" PRIu64, number);
}

static int
refuse_range(const struct conf_key *key, char *reason)
{
	char low[FORMAT_SCALAR_SIZE], high[FORMAT_SCALAR_SIZE];

	if (key->type == CONF_INT || key->type == CONF_DOUBLE) {
		snprintf(low, sizeof(low), "%" PRId64, key->min);
		snprintf(high, sizeof(high), "%" PRId64, key->max);
	} else {
		uint64_t max = unsigned_max(key->size);

		if (has_limits(key))
			max = (uint64_t)key->max;
		format_unsigned(key, (uint64_t)key->min, low, sizeof(low));
		format_unsigned(key, max, high, sizeof(high));
	}
	snprintf(reason, CONF_REASON_SIZE, "must be between %s and %s", low,
	    high);
	return -EINVAL;
}

int
conf_set_unsigned(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	uint64_t min = (uint64_t)key->min;
	uint64_t max = unsigned_max(key->size);
	uint64_t number;
	int rc;

	if (has_limits(key) && (uint64_t)key->max < max)
		max = (uint64_t)key->max;
	if (key->type == CONF_DURATION)
		rc = parse_duration_ms(text, min, max, &number);
	else if (key->type == CONF_SIZE)
		rc = parse_size(text, min, max, &number);
	else
		rc = parse_u64(text, min, max, &number);
	if (rc == -ERANGE)
		return refuse_range(key, reason);
	if (rc != 0)
		return conf_value_refuse(reason,
		    key->type == CONF_DURATION ?
			"must be a duration with its unit, such as \"15s\" "
			"(ms, s, m, h, d)" :
			key->type == CONF_SIZE ?
			"must be a size, such as \"1MiB\" (KiB, MiB, GiB, TiB) "
			"or a number of bytes" :
			"must be a whole number");
	store_unsigned(key, value, number);
	return 0;
}

void
conf_get_unsigned(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	char text[FORMAT_SCALAR_SIZE];

	format_unsigned(key, load_unsigned(key, value), text, sizeof(text));
	textbuf_puts(out, text);
}

int
conf_set_int(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	bool is_small = key->size == sizeof(int32_t);
	int64_t min = is_small ? INT32_MIN : INT64_MIN;
	int64_t max = is_small ? INT32_MAX : INT64_MAX;
	int64_t number;
	int32_t small;
	int rc;

	if (has_limits(key)) {
		min = key->min;
		max = key->max;
	}
	rc = parse_i64(text, min, max, &number);
	if (rc == -ERANGE && has_limits(key))
		return refuse_range(key, reason);
	if (rc != 0)
		return conf_value_refuse(reason,
		    rc == -ERANGE ? "is out of range" :
				    "must be a whole number");
	small = (int32_t)number;
	memcpy(value, is_small ? (void *)&small : (void *)&number, key->size);
	return 0;
}

void
conf_get_int(const struct conf_key *key, const void *value, struct textbuf *out)
{
	int64_t number;
	int32_t small;

	if (key->size == sizeof(small)) {
		memcpy(&small, value, sizeof(small));
		number = small;
	} else {
		memcpy(&number, value, sizeof(number));
	}
	textbuf_printf(out, "%" PRId64, number);
}

int
conf_set_double(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	double min = has_limits(key) ? (double)key->min : -1e15;
	double max = has_limits(key) ? (double)key->max : 1e15;
	double number;
	int rc = parse_double(text, min, max, &number);

	if (rc == -ERANGE && has_limits(key))
		return refuse_range(key, reason);
	if (rc != 0)
		return conf_value_refuse(reason,
		    "must be a number such as 0.25");
	memcpy(value, &number, sizeof(number));
	return 0;
}

void
conf_get_double(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	char text[FORMAT_SCALAR_SIZE];
	double number;

	(void)key;
	memcpy(&number, value, sizeof(number));
	if (format_double(number, text, sizeof(text)) > 0)
		textbuf_puts(out, text);
}
