/* SPDX-License-Identifier: ISC */
/*
 * Published documents, see common_push.h.  What differs stands at fixed places
 * and in hexadecimal digits, so that neither side spends its time on JSON.
 */
#include "tests/bench/common_push.h"

#include <errno.h>
#include <string.h>

static const char before_id[] = "{\"target_client_id\":\"";
static const char before_number[] =
    "\",\"message_id\":\"bench\",\"event_type\":\"bench\","
    "\"payload\":{\"n\":\"";
static const char before_time[] = "\",\"at\":\"";
static const char before_pad[] = "\",\"pad\":\"";
static const char the_end[] = "\"}}";

enum {
	NUMBER_DIGITS = 8,
	TIME_DIGITS = 16,
	ID_AT = sizeof(before_id) - 1,
	NUMBER_AT = ID_AT + WIRE_CLIENT_ID_LEN + sizeof(before_number) - 1,
	TIME_AT = NUMBER_AT + NUMBER_DIGITS + sizeof(before_time) - 1
};

static char *
put(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return at + len;
}

static void
put_hex(char *out, uint64_t value, int digits)
{
	for (; digits > 0; digits--, value >>= 4)
		out[digits - 1] = "0123456789abcdef"[value & 15];
}

static int
get_hex(const uint8_t *in, int digits, uint64_t *out)
{
	uint64_t value = 0;

	for (; digits > 0; digits--, in++) {
		if (*in >= '0' && *in <= '9')
			value = value << 4 | (uint64_t)(*in - '0');
		else if (*in >= 'a' && *in <= 'f')
			value = value << 4 | (uint64_t)(*in - 'a' + 10);
		else
			return -EBADMSG;
	}
	*out = value;
	return 0;
}

void
push_format(char *out, size_t len)
{
	char *at = out;

	memset(out, '0', len);
	at = put(at, before_id) + WIRE_CLIENT_ID_LEN;
	at = put(at, before_number) + NUMBER_DIGITS;
	at = put(at, before_time) + TIME_DIGITS;
	put(at, before_pad);
	put(out + len - strlen(the_end), the_end);
	out[len] = '\0';
}

void
push_set(char *out, const char client_id[WIRE_CLIENT_ID_LEN + 1],
    uint32_t number, uint64_t at_ns)
{
	memcpy(out + ID_AT, client_id, WIRE_CLIENT_ID_LEN);
	put_hex(out + NUMBER_AT, number, NUMBER_DIGITS);
	put_hex(out + TIME_AT, at_ns, TIME_DIGITS);
}

int
push_parse(const uint8_t *bytes, size_t len, uint32_t *out_number,
    uint64_t *out_at_ns)
{
	uint64_t number;

	if (len < PUSH_MIN_LEN ||
	    memcmp(bytes, before_id, sizeof(before_id) - 1) != 0 ||
	    get_hex(bytes + NUMBER_AT, NUMBER_DIGITS, &number) < 0 ||
	    get_hex(bytes + TIME_AT, TIME_DIGITS, out_at_ns) < 0)
		return -EBADMSG;
	*out_number = (uint32_t)number;
	return 0;
}
