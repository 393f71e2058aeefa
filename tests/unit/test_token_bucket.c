/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the token buckets: what is granted over any span never exceeds
 * burst + rate * time, and a steady taker gets the whole rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/token_bucket.h"

#define SECOND_NS 1000000000u
#define SECOND_US 1000000u

static void
test_burst_then_rate(void **state)
{
	struct token_rate rate = token_rate_make(10, 5);
	uint64_t now = 123 * (uint64_t)SECOND_NS;
	uint64_t tat = 0;
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_true(token_bucket_take(&tat, &rate, now, 1));
	assert_false(token_bucket_take(&tat, &rate, now, 1));
	assert_int_equal(token_bucket_wait_ns(tat, &rate, now, 1),
	    SECOND_NS / 10);
	assert_false(token_bucket_take(&tat, &rate, now + 99999999, 1));
	assert_true(token_bucket_take(&tat, &rate, now + 100000000, 1));
	assert_false(token_bucket_take(&tat, &rate, now + 100000000, 1));
	/* Full again after burst / rate, and not fuller. */
	now += 100 * (uint64_t)SECOND_NS;
	assert_int_equal(token_bucket_wait_ns(tat, &rate, now, 5), 0);
	assert_true(token_bucket_take(&tat, &rate, now, 5));
	assert_false(token_bucket_take(&tat, &rate, now, 1));
	assert_true(
	    token_bucket_wait_ns(tat, &rate, now, 6) == TOKEN_BUCKET_NEVER);
	assert_false(token_bucket_take(&tat, &rate, now, 6));
}

static void
test_no_limit_and_nothing_wanted(void **state)
{
	struct token_rate none = token_rate_make(0, 0);
	struct token_rate slow = token_rate_make(1, 0);
	uint64_t tat = 0;
	uint32_t tat32 = 5;

	(void)state;
	assert_int_equal(slow.burst, 1);
	assert_true(token_bucket_take(&tat, &none, 1, UINT32_MAX));
	assert_int_equal(tat, 0);
	assert_int_equal(token_bucket_wait_ns(tat, &none, 1, 9), 0);
	assert_true(token_bucket_take(&tat, &slow, 1, 0));
	assert_int_equal(tat, 0);
	assert_true(token_bucket32_take(&tat32, &none, 1, UINT32_MAX));
	assert_int_equal(token_bucket32_charge(&tat32, &none, 1, 99), 0);
	assert_int_equal(tat32, 5);
}

static void
test_extreme_values_do_not_overflow(void **state)
{
	struct token_rate slow = token_rate_make(1, UINT64_MAX);
	struct token_rate fast = token_rate_make(UINT64_MAX, 1);
	uint64_t tat = UINT64_MAX / 2;

	(void)state;
	assert_int_equal(fast.per_second, SECOND_NS);
	assert_true(token_bucket_take(&tat, &slow, 0, UINT32_MAX) ||
	    tat == UINT64_MAX / 2);
	tat = 0;
	assert_true(token_bucket_take(&tat, &fast, 5, 1));
	assert_int_equal(tat, 6);
	assert_true(token_bucket_wait_ns(UINT64_MAX / 2, &fast, 0, 1) > 0);
}

static void
test_rates_are_exact(void **state)
{
	static const uint64_t rates[] = { 1, 3, 7, 1000, 5000, 99991, 333333,
		150000000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct token_rate rate = token_rate_make(rates[i], 1000000);
		uint64_t now = SECOND_NS;
		uint64_t granted = 0;
		uint64_t tat = 0;
		uint32_t chunk = rates[i] > 1000000 ? 1000000 : 1;

		/* Empties the bucket, then takes all it can for 2 s. */
		assert_true(token_bucket_take(&tat, &rate, now, 1000000));
		while (granted < 10000) {
			uint64_t wait = token_bucket_wait_ns(tat, &rate, now,
			    chunk);

			now += wait;
			if (now > 3 * (uint64_t)SECOND_NS)
				break;
			assert_true(token_bucket_take(&tat, &rate, now, chunk));
			granted++;
		}
		/* granted chunks took granted * chunk / rate seconds. */
		if (granted > 100) {
			double seconds = (double)(now - SECOND_NS) / 1e9;
			double due = (double)(granted * chunk) /
			    (double)rates[i];

			assert_true(seconds > due * 0.999);
			assert_true(seconds < due * 1.011 + 1e-6);
		}
	}
}

static void
test_a_clock_that_steps_back_only_delays(void **state)
{
	struct token_rate rate = token_rate_make(10, 2);
	uint64_t now = 100 * (uint64_t)SECOND_NS;
	uint64_t tat = 0;

	(void)state;
	assert_true(token_bucket_take(&tat, &rate, now, 2));
	assert_false(token_bucket_take(&tat, &rate, now - SECOND_NS, 1));
	assert_true(token_bucket_take(&tat, &rate, now + SECOND_NS, 2));
}

/* Children take from one word; together they get the burst and no more. */
static void
test_shared_by_processes(void **state)
{
	struct token_rate rate = token_rate_make(1, 20000);
	struct {
		_Atomic uint64_t tat;
		_Atomic uint32_t granted;
	} * shared;
	pid_t pids[3];
	int i, j, status;

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	for (i = 0; i < 3; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] > 0)
			continue;
		for (j = 0; j < 10000; j++)
			if (token_bucket_take_shared(&shared->tat, &rate,
				SECOND_NS, 1))
				atomic_fetch_add(&shared->granted, 1);
		_exit(0);
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
	assert_int_equal(shared->granted, 20000);
	munmap(shared, sizeof(*shared));
}

static void
test_given_back(void **state)
{
	struct token_rate rate = token_rate_make(10, 5);
	struct token_rate none = token_rate_make(0, 0);
	uint64_t now = 123 * (uint64_t)SECOND_NS;
	_Atomic uint64_t tat = 0;

	(void)state;
	assert_true(token_bucket_take_shared(&tat, &rate, now, 5));
	assert_false(token_bucket_take_shared(&tat, &rate, now, 1));
	token_bucket_give_shared(&tat, &rate, now, 2);
	token_bucket_give_shared(&tat, &none, now, 2);
	assert_true(token_bucket_take_shared(&tat, &rate, now, 2));
	assert_false(token_bucket_take_shared(&tat, &rate, now, 1));
	/* It does not become fuller than full, whoever gives. */
	token_bucket_give_shared(&tat, &rate, now, UINT32_MAX);
	token_bucket_give_shared(&tat, &rate, now, 1);
	assert_true(token_bucket_take_shared(&tat, &rate, now, 5));
	assert_false(token_bucket_take_shared(&tat, &rate, now, 1));
	now += 60 * (uint64_t)SECOND_NS;
	token_bucket_give_shared(&tat, &rate, now, 3);
	assert_true(token_bucket_take_shared(&tat, &rate, now, 5));
	assert_false(token_bucket_take_shared(&tat, &rate, now, 1));
}

static void
test_32_bits_through_all_phases_of_the_wrap(void **state)
{
	struct token_rate rate = token_rate_make(10, 5);
	uint64_t start;

	(void)state;
	/* Near the wrap of the low half, in the middle, and at 0. */
	for (start = UINT32_MAX - 3 * (uint64_t)SECOND_US;
	     start < (uint64_t)UINT32_MAX + 2 * (uint64_t)SECOND_US;
	     start += 77777) {
		uint64_t now = start;
		uint32_t tat;
		int i;

		token_bucket32_init(&tat, now);
		for (i = 0; i < 5; i++)
			assert_true(token_bucket32_take(&tat, &rate, now, 1));
		assert_false(token_bucket32_take(&tat, &rate, now, 1));
		now += 99999;
		assert_false(token_bucket32_take(&tat, &rate, now, 1));
		now += 1;
		assert_true(token_bucket32_take(&tat, &rate, now, 1));
		now += SECOND_US;
		assert_true(token_bucket32_take(&tat, &rate, now, 5));
	}
}

static void
test_32_bits_after_long_idle(void **state)
{
	struct token_rate rate = token_rate_make(10, 5);
	uint64_t idle;

	(void)state;
	for (idle = 0; idle < (uint64_t)3 << 32; idle += 61234567) {
		uint64_t now = 1000000;
		uint32_t tat;

		token_bucket32_init(&tat, now);
		assert_true(token_bucket32_take(&tat, &rate, now, 5));
		/* Looked at every 30 minutes at the latest, as pings do. */
		while (now < 1000000 + idle) {
			uint64_t step = 1000000 + idle - now;

			now += step < 1800 * (uint64_t)SECOND_US ?
			    step :
			    1800 * (uint64_t)SECOND_US;
			token_bucket32_touch(&tat, &rate, now);
		}
		assert_int_equal(token_bucket32_take(&tat, &rate, now, 5),
		    idle >= SECOND_US / 2);
	}
}

static void
test_32_bits_never_stuck_whatever_the_field_holds(void **state)
{
	struct token_rate rate = token_rate_make(10, 5);
	uint32_t x = 2463534242u;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		uint32_t tat, wait;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		tat = x;
		wait = token_bucket32_charge(&tat, &rate, 12345, 1);
		assert_true(wait <= TOKEN_BUCKET32_MAX_US);
		tat = x;
		/* From the first look on, at worst full debt. */
		token_bucket32_touch(&tat, &rate, 12345);
		assert_true(token_bucket32_take(&tat, &rate,
		    12345 + 2 * (uint64_t)TOKEN_BUCKET32_MAX_US, 1));
	}
}

static void
test_charge_runs_into_debt(void **state)
{
	struct token_rate rate = token_rate_make(1000, 500);
	uint64_t now = 5 * (uint64_t)SECOND_US;
	uint32_t tat;

	(void)state;
	token_bucket32_init(&tat, now);
	assert_int_equal(token_bucket32_charge(&tat, &rate, now, 500), 0);
	assert_int_equal(token_bucket32_charge(&tat, &rate, now, 2000),
	    2 * SECOND_US);
	/* Asking costs nothing. */
	assert_int_equal(token_bucket32_charge(&tat, &rate, now, 0),
	    2 * SECOND_US);
	assert_false(token_bucket32_take(&tat, &rate, now + SECOND_US, 1));
	assert_int_equal(token_bucket32_charge(&tat, &rate, now + 2 * SECOND_US,
			     0),
	    0);
	/* Debt is bounded. */
	assert_int_equal(token_bucket32_charge(&tat, &rate, now, UINT32_MAX),
	    TOKEN_BUCKET32_MAX_US);
	/* A burst too long for the form is cut, not wrapped. */
	rate = token_rate_make(1, UINT64_MAX);
	token_bucket32_init(&tat, now);
	assert_true(token_bucket32_take(&tat, &rate, now, 60));
	assert_false(token_bucket32_take(&tat, &rate, now, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_no_limit_and_nothing_wanted),
		cmocka_unit_test(test_extreme_values_do_not_overflow),
		cmocka_unit_test(test_rates_are_exact),
		cmocka_unit_test(test_a_clock_that_steps_back_only_delays),
		cmocka_unit_test(test_shared_by_processes),
		cmocka_unit_test(test_given_back),
		cmocka_unit_test(test_32_bits_through_all_phases_of_the_wrap),
		cmocka_unit_test(test_32_bits_after_long_idle),
		cmocka_unit_test(
		    test_32_bits_never_stuck_whatever_the_field_holds),
		cmocka_unit_test(test_charge_runs_into_debt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
