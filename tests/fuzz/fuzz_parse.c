/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the scalar parsers: what is taken formats to a text that reads back as
 * the same value, and what is refused leaves the output alone.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/clock.h"
#include "lib/escape.h"
#include "lib/parse.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5au

static void
check(int is_right)
{
	if (!is_right)
		abort();
}

static void
fuzz_units(const char *text)
{
	char out[FORMAT_SCALAR_SIZE];
	uint64_t value = UNTOUCHED;
	uint64_t back;

	if (parse_duration_ms(text, 0, UINT64_MAX, &value) == 0) {
		check(format_duration_ms(value, out, sizeof(out)) > 0);
		check(parse_duration_ms(out, 0, UINT64_MAX, &back) == 0);
		check(back == value);
	} else {
		check(value == UNTOUCHED);
	}
	value = UNTOUCHED;
	if (parse_size(text, 0, UINT64_MAX, &value) == 0) {
		check(format_size(value, out, sizeof(out)) > 0);
		check(parse_size(out, 0, UINT64_MAX, &back) == 0);
		check(back == value);
	} else {
		check(value == UNTOUCHED);
	}
}

static void
fuzz_numbers(const char *text)
{
	char out[FORMAT_SCALAR_SIZE];
	uint64_t u = UNTOUCHED;
	int64_t i = 7;
	double d, back;
	bool b = false;

	if (parse_u64(text, 10, 1000, &u) == 0)
		check(u >= 10 && u <= 1000);
	else
		check(u == UNTOUCHED);
	if (parse_i64(text, -5, 5, &i) == 0)
		check(i >= -5 && i <= 5);
	else
		check(i == 7);
	if (parse_double(text, -1e6, 1e6, &d) == 0 &&
	    format_double(d, out, sizeof(out)) > 0)
		check(parse_double(out, -1e7, 1e7, &back) == 0);
	if (parse_bool(text, &b) != 0)
		check(!b);
}

static void
fuzz_addresses(const char *text)
{
	char out[CIDR_TEXT_SIZE];
	struct cidr cidr, again;
	struct ipaddr addr, same;

	if (cidr_parse(text, &cidr) == 0) {
		cidr_format(&cidr, out);
		check(cidr_parse(out, &again) == 0);
		check(again.bits == cidr.bits);
		check(cidr_contains(&cidr, &again.base));
	}
	if (ipaddr_parse(text, &addr) == 0) {
		ipaddr_format(&addr, out);
		check(ipaddr_parse(out, &same) == 0);
		check(ipaddr_equals(&addr, &same));
	}
}

static void
fuzz_time(const char *text)
{
	char out[CLOCK_RFC3339_SIZE];
	uint64_t ms, back;

	if (clock_rfc3339_parse(text, &ms) != 0)
		return;
	/* An offset can lead beyond the last year that can be written. */
	if (clock_rfc3339_format(ms, out, sizeof(out)) == 0)
		return;
	check(clock_rfc3339_parse(out, &back) == 0);
	check(back == ms);
}

static void
fuzz_escape(const char *bytes, size_t len)
{
	char out[64];
	size_t done = 0;
	size_t i;

	while (done < len) {
		size_t used;
		size_t n = escape_text(len % 2 == 0 ? ESCAPE_JSON :
						      ESCAPE_QUOTED,
		    bytes + done, len - done, out, sizeof(out), &used);

		check(used > 0 && n <= sizeof(out));
		for (i = 0; i < n; i++)
			check((unsigned char)out[i] >= ' ' && out[i] != 0x7f);
		done += used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_units(text);
	fuzz_numbers(text);
	fuzz_addresses(text);
	fuzz_time(text);
	fuzz_escape(text, size);
	free(text);
	return 0;
}
