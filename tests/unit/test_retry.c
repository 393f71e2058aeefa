/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the rules by which the load generator comes back; the numbers
 * are those of client_rules.js.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/bench/common_retry.h"

static const struct retry_rules usual = { RETRY_BASE_MS, RETRY_CAP_MS,
	RETRY_JITTER_PERCENT, RETRY_STABLE_MS };
static const struct retry_rules plain = { 100, 5000, 0, 1000 };

static uint64_t
refused(const struct retry_rules *rules, int64_t told_ms, uint32_t *attempt)
{
	const struct retry_end end = { .told_ms = told_ms };

	return retry_wait_ms(rules, &end, UINT32_MAX, attempt);
}

static uint64_t
ended(const struct retry_rules *rules, uint64_t lasted_ms, int64_t told_ms,
    uint32_t *attempt)
{
	const struct retry_end end = { true, lasted_ms, told_ms };

	return retry_wait_ms(rules, &end, UINT32_MAX, attempt);
}

static void
test_doubles_up_to_the_cap(void **state)
{
	static const uint64_t waits[] = { 100, 200, 400, 800, 1000, 1000 };
	const struct retry_rules rules = { 100, 1000, 0, 30000 };
	const struct retry_rules most = { RETRY_MAX_MS, RETRY_MAX_MS, 100, 0 };
	uint32_t attempt = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		assert_int_equal(refused(&rules, -1, &attempt), waits[i]);
	assert_int_equal(attempt, 6);
	attempt = UINT32_MAX;
	assert_int_equal(refused(&rules, -1, &attempt), 1000);
	assert_int_equal(attempt, UINT32_MAX);
	assert_int_equal(retry_backoff_ms(&most, UINT32_MAX, UINT32_MAX),
	    2 * (uint64_t)RETRY_MAX_MS);
}

static void
test_jitters_both_ways(void **state)
{
	(void)state;
	assert_int_equal(retry_backoff_ms(&usual, 0, 0), 800);
	assert_int_equal(retry_backoff_ms(&usual, 0, 1u << 31), 1000);
	assert_int_equal(retry_backoff_ms(&usual, 0, UINT32_MAX), 1200);
	assert_int_equal(retry_backoff_ms(&usual, 3, 0), 6400);
	assert_int_equal(retry_backoff_ms(&usual, 3, UINT32_MAX), 9600);
	assert_int_equal(retry_backoff_ms(&usual, 1000000000, 0), 48000);
}

static void
test_an_opening_is_no_success(void **state)
{
	uint32_t attempt = 0;

	(void)state;
	assert_int_equal(ended(&plain, 999, -1, &attempt), 100);
	assert_int_equal(ended(&plain, 999, -1, &attempt), 200);
	assert_int_equal(ended(&plain, 0, -1, &attempt), 400);
	assert_int_equal(ended(&plain, 1000, -1, &attempt), 100);
	assert_int_equal(ended(&plain, 999, -1, &attempt), 200);
}

static void
test_a_hint_is_kept(void **state)
{
	uint32_t attempt = 3;

	(void)state;
	/* After a connection that lasted it is no failure ... */
	assert_int_equal(ended(&usual, 30000, 4321, &attempt), 4321);
	assert_int_equal(attempt, 0);
	assert_int_equal(ended(&usual, 30000, 0, &attempt), 0);
	assert_int_equal(attempt, 0);
	/* ... and else no licence to hammer. */
	assert_int_equal(ended(&plain, 999, 0, &attempt), 100);
	assert_int_equal(ended(&plain, 999, 0, &attempt), 200);
	assert_int_equal(ended(&plain, 999, 50, &attempt), 400);
	assert_int_equal(ended(&plain, 999, 5000, &attempt), 5000);
	assert_int_equal(ended(&plain, 999, 0, &attempt), 1600);
}

static void
test_the_longer_counts_after_a_refusal(void **state)
{
	const struct retry_rules rules = { 1000, 60000, 0, 30000 };
	uint32_t attempt = 0;

	(void)state;
	assert_int_equal(refused(&rules, 3000, &attempt), 3000);
	assert_int_equal(refused(&rules, 10, &attempt), 2000);
	assert_int_equal(refused(&rules, 5000, &attempt), 5000);
	assert_int_equal(refused(&rules, 7999, &attempt), 8000);
	assert_int_equal(refused(&rules, 0, &attempt), 16000);
}

static int64_t
hint(const char *reason)
{
	int64_t ms = -7;
	int rc = retry_hint_parse(reason, strlen(reason), &ms);

	if (rc < 0) {
		assert_int_equal(rc, -ENOENT);
		assert_int_equal(ms, -7);
		return -1;
	}
	return ms;
}

static void
test_hints_are_read_strictly(void **state)
{
	static const char *const bad[] = { "",
		"reconnect_ms=", "reconnect_ms=-1", "reconnect_ms=1e9",
		"reconnect_ms=x", "xreconnect_ms=5", "reconnect_ms=9999999999",
		"reconnect_ms=18446744073709551616", "reconnect_ms", ";" };
	int64_t ms = -7;
	size_t i;

	(void)state;
	assert_int_equal(hint("reconnect_ms=0"), 0);
	assert_int_equal(hint("drain; reconnect_ms=7"), 7);
	assert_int_equal(hint("reconnect_ms=x,reconnect_ms=8 ms"), 8);
	assert_int_equal(hint("reconnect_ms=999999999"), RETRY_TOLD_MAX_MS);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hint(bad[i]), -1);
	/* What follows the reason in memory is not read. */
	assert_int_equal(retry_hint_parse("reconnect_ms=12345", 15, &ms), 0);
	assert_int_equal(ms, 12);
}

static int64_t
after(const char *line, uint32_t random)
{
	char head[128] = "HTTP/1.1 503 Service Unavailable\r\n";
	int64_t ms;

	strcat(strcat(head, line), "\r\nX: y\r\n\r\n");
	return retry_after_parse(head, random, &ms) < 0 ? -1 : ms;
}

static void
test_retry_after(void **state)
{
	(void)state;
	assert_int_equal(after("Retry-After: 2", 0), 2000);
	assert_int_equal(after("retry-after:2 ", UINT32_MAX), 2999);
	assert_int_equal(after("Retry-After: 0", 0), 0);
	assert_int_equal(after("Retry-After: 999999999", 0), RETRY_TOLD_MAX_MS);
	assert_int_equal(after("Retry-After: 18446744073709551616", 0), -1);
	assert_int_equal(after("Retry-After: -2", 0), -1);
	assert_int_equal(after("Retry-After:", 0), -1);
	assert_int_equal(after("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", 0),
	    -1);
	assert_int_equal(after("X-Retry-After: 2", 0), -1);
}

static void
test_final_codes(void **state)
{
	(void)state;
	assert_true(retry_is_final(4001));
	assert_true(retry_is_final(4002));
	assert_false(retry_is_final(1000));
	assert_false(retry_is_final(1012));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_up_to_the_cap),
		cmocka_unit_test(test_jitters_both_ways),
		cmocka_unit_test(test_an_opening_is_no_success),
		cmocka_unit_test(test_a_hint_is_kept),
		cmocka_unit_test(test_the_longer_counts_after_a_refusal),
		cmocka_unit_test(test_hints_are_read_strictly),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_final_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
