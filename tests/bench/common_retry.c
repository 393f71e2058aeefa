/* SPDX-License-Identifier: ISC */
/*
 * The rules by which a client comes back, see common_retry.h.
 */
#include "tests/bench/common_retry.h"

#include <errno.h>
#include <string.h>

#include "lib/parse.h"

enum { MAX_SHIFT = 30, MAX_DIGITS = 9 };

uint64_t
retry_backoff_ms(const struct retry_rules *rules, uint32_t attempt,
    uint32_t random)
{
	uint64_t wait = rules->base_ms
	    << (attempt < MAX_SHIFT ? attempt : MAX_SHIFT);
	uint64_t jitter;

	if (wait > rules->cap_ms)
		wait = rules->cap_ms;
	jitter = wait * rules->jitter_percent / 100;
	return wait - jitter + (random * (2 * jitter + 1) >> 32);
}

uint64_t
retry_wait_ms(const struct retry_rules *rules, const struct retry_end *end,
    uint32_t random, uint32_t *attempt)
{
	bool is_stable = end->was_open && end->lasted_ms >= rules->stable_ms;
	uint64_t wait = 0;

	if (is_stable)
		*attempt = 0;
	/* What is closed as soon as it is open may be told 0 each time. */
	if (!is_stable || end->told_ms < 0) {
		wait = retry_backoff_ms(rules, *attempt, random);
		if (*attempt < UINT32_MAX)
			(*attempt)++;
	}
	/* As told: the server has spread its clients already. */
	if (end->told_ms > (int64_t)wait)
		wait = (uint64_t)end->told_ms;
	return wait;
}

bool
retry_is_final(uint16_t code)
{
	/* Replaced by its own next connection, or kicked. */
	return code == 4001 || code == 4002;
}

static int
told_parse(const char *digits, size_t len, uint64_t unit_ms, int64_t *out_ms)
{
	uint64_t value;

	if (len > MAX_DIGITS ||
	    parse_u64_n(digits, len, 0, UINT64_MAX, &value) < 0)
		return -ENOENT;
	value *= unit_ms;
	*out_ms = (int64_t)(value < RETRY_TOLD_MAX_MS ? value :
							RETRY_TOLD_MAX_MS);
	return 0;
}

static bool
is_between_words(char c)
{
	return c == ' ' || c == ';' || c == ',';
}

int
retry_hint_parse(const char *reason, size_t len, int64_t *out_ms)
{
	static const char name[] = "reconnect_ms=";
	const size_t name_len = sizeof(name) - 1;
	size_t at = 0, end;

	while (at < len) {
		for (end = at; end < len && !is_between_words(reason[end]);)
			end++;
		if (end - at > name_len &&
		    memcmp(reason + at, name, name_len) == 0 &&
		    told_parse(reason + at + name_len, end - at - name_len, 1,
			out_ms) == 0)
			return 0;
		at = end + 1;
	}
	return -ENOENT;
}

int
retry_after_parse(const char *head, uint32_t random, int64_t *out_ms)
{
	static const char name[] = "\r\nretry-after:";
	const char *at = strcasestr(head, name);
	int rc;

	if (at == NULL)
		return -ENOENT;
	at += sizeof(name) - 1;
	at += strspn(at, " \t");
	rc = told_parse(at, strcspn(at, " \t\r"), 1000, out_ms);
	if (rc == 0)
		*out_ms += (int64_t)((uint64_t)random * 1000 >> 32);
	return rc;
}
