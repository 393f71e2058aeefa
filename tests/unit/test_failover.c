/* SPDX-License-Identifier: ISC */
/*
 * The leader's restraint: each reason not to declare a node dead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/fleet/failover.h"

#define EXPIRY 5000
#define HOUR   3600000

static struct failover failover;

/* Settled at 6000: begun at 1000 with a Redis that is known. */
static int
setup(void **state)
{
	(void)state;
	failover_init(&failover, EXPIRY, 3, 1000);
	assert_false(failover_on_server(&failover, "run", "repl", 1000));
	failover_on_time(&failover, 500000, 1000, 1000);
	return 0;
}

static enum failover_hold
decide(size_t expired, uint64_t now_ms)
{
	return failover_decide(&failover, expired, 20, false, now_ms);
}

static void
test_not_before_one_expiry(void **state)
{
	(void)state;
	assert_int_equal(decide(1, 5999), FAILOVER_UNSETTLED);
	assert_false(failover_is_settled(&failover, 5999));
	assert_int_equal(decide(1, 6000), FAILOVER_GO);
	assert_true(failover_is_settled(&failover, 6000));
	/* Known at once, not with the next reading. */
	failover_on_connect(&failover, 7000);
	assert_false(failover_is_settled(&failover, 7000));
}

static void
test_anything_new_about_redis(void **state)
{
	(void)state;
	(void)failover_on_server(&failover, "run", "repl", 9000);
	failover_on_time(&failover, 508000 + FAILOVER_JUMP_MS, 9000, 9000);
	assert_int_equal(decide(1, 9000), FAILOVER_GO);
	(void)failover_on_server(&failover, "run", "repl2", 10000);
	assert_int_equal(decide(1, 14999), FAILOVER_UNSETTLED);
	assert_int_equal(decide(1, 15000), FAILOVER_GO);
	(void)failover_on_server(&failover, "run2", "repl2", 20000);
	assert_int_equal(decide(1, 24999), FAILOVER_UNSETTLED);
	failover_on_connect(&failover, 30000);
	assert_int_equal(decide(1, 34999), FAILOVER_UNSETTLED);
	(void)failover_on_server(&failover, "run2", "repl2", 30000);
	/* Another clock after a reconnect is no jump of its own. */
	failover_on_time(&failover, 7, 34000, 34000);
	assert_int_equal(decide(1, 35000), FAILOVER_GO);
	failover_on_time(&failover, 1008 + FAILOVER_JUMP_MS, 35000, 35000);
	assert_int_equal(decide(1, 35000), FAILOVER_UNSETTLED);
	failover_on_time(&failover, 6000, 41000, 41000);
	assert_int_equal(decide(1, 45999), FAILOVER_UNSETTLED);
	assert_int_equal(decide(1, 46000), FAILOVER_GO);
}

static void
test_server_that_does_not_say(void **state)
{
	(void)state;
	assert_int_equal(decide(1, 6000), FAILOVER_GO);
	assert_false(failover_on_server(&failover, "", "", 7000));
	assert_int_equal(decide(1, 99000), FAILOVER_UNSETTLED);
	assert_false(failover_on_server(&failover, "run", "repl", 99000));
	assert_int_equal(decide(1, 99000), FAILOVER_GO);
	assert_false(failover_on_server(&failover, "", "", 99100));
	assert_true(failover_on_server(&failover, "other", "repl", 99200));
	assert_int_equal(decide(1, 99200 + EXPIRY - 1), FAILOVER_UNSETTLED);
	/* On another connection it may be another one. */
	assert_int_equal(decide(1, 99200 + EXPIRY), FAILOVER_GO);
	failover_on_connect(&failover, 200000);
	assert_int_equal(decide(1, 300000), FAILOVER_UNSETTLED);
}

/* Redis' clock is 499000 ahead: what it says may be of any moment between the
 * question and the answer. */
static void
test_slow_answers(void **state)
{
	(void)state;
	failover_on_time(&failover, 508000, 8000, 20000);
	assert_int_equal(decide(1, 20000), FAILOVER_GO);
	failover_on_time(&failover, 519000, 8000, 20000);
	assert_int_equal(decide(1, 20000), FAILOVER_GO);
	/* They do not blur what is known. */
	failover_on_time(&failover, 519000 + 1001, 20000, 20000);
	assert_int_equal(decide(1, 20000), FAILOVER_UNSETTLED);
	assert_int_equal(decide(1, 25000), FAILOVER_GO);
	/* A jump is one, however slow: 500000 is what to expect. */
	failover_on_time(&failover, 500001 + 30000 + 1001, 27000, 30000);
	assert_int_equal(decide(1, 30000), FAILOVER_UNSETTLED);
	assert_int_equal(decide(1, 35000), FAILOVER_GO);
	failover_on_time(&failover, 537000, 39000, 41000);
	assert_int_equal(decide(1, 41000), FAILOVER_UNSETTLED);
}

static void
test_mass_expiry(void **state)
{
	(void)state;
	/* A tenth of 20 are 2. */
	assert_int_equal(decide(2, 7000), FAILOVER_GO);
	assert_int_equal(decide(3, 7000), FAILOVER_MASS);
	/* It holds until all are back. */
	assert_int_equal(decide(1, 8000), FAILOVER_MASS);
	assert_int_equal(decide(0, 9000), FAILOVER_GO);
	assert_int_equal(decide(1, 9500), FAILOVER_GO);
	/* One may always be judged, two of a few may not. */
	assert_int_equal(failover_decide(&failover, 1, 2, false, 9600),
	    FAILOVER_GO);
	assert_int_equal(failover_decide(&failover, 2, 3, false, 9600),
	    FAILOVER_MASS);
}

/* The caller counts only those who went missing after it. */
static void
test_mass_acknowledged(void **state)
{
	(void)state;
	assert_int_equal(decide(5, 7000), FAILOVER_MASS);
	failover_acknowledge(&failover);
	assert_int_equal(decide(0, 7000), FAILOVER_GO);
	assert_int_equal(decide(1, 7200), FAILOVER_GO);
	assert_int_equal(decide(5, 7400), FAILOVER_MASS);
}

/* Another leader goes on where the one before it was. */
static void
test_next_leader(void **state)
{
	(void)state;
	failover_note(&failover, 7000);
	failover_begin(&failover, true);
	assert_int_equal(decide(1, 7000), FAILOVER_MASS);
	assert_int_equal(decide(0, 7000), FAILOVER_GO);
	assert_int_equal(decide(1, 7000), FAILOVER_GO);
	/* That was before this machine was started. */
	failover_note(&failover, 7000 - HOUR + 1000);
	failover_note(&failover, 0);
	failover_note(&failover, 6000);
	assert_int_equal(decide(1, 7000), FAILOVER_FLAPPING);
	assert_int_equal(decide(1, 8000), FAILOVER_GO);
}

/* Leases of those who die together do not end at the same moment. */
static void
test_one_after_the_other(void **state)
{
	(void)state;
	assert_int_equal(failover_decide(&failover, 1, 4, false, 7000),
	    FAILOVER_GO);
	failover_note(&failover, 7000);
	assert_int_equal(failover_decide(&failover, 0, 3, false, 7500),
	    FAILOVER_GO);
	assert_int_equal(failover_decide(&failover, 1, 3, false, 8000),
	    FAILOVER_MASS);
	assert_int_equal(failover_decide(&failover, 1, 3, false, 99000),
	    FAILOVER_MASS);
	failover_acknowledge(&failover);
	assert_int_equal(failover_decide(&failover, 0, 3, false, 99000),
	    FAILOVER_GO);
	/* In a large fleet two in a row are no mass. */
	failover_note(&failover, 99000);
	assert_int_equal(failover_decide(&failover, 1, 30, false, 99500),
	    FAILOVER_GO);
}

/* Leases that ran out while Redis was away are no mass of dead. */
static void
test_outage_is_no_mass(void **state)
{
	(void)state;
	failover_on_connect(&failover, 70000);
	(void)failover_on_server(&failover, "run", "repl", 70000);
	assert_int_equal(decide(20, 70000), FAILOVER_UNSETTLED);
	assert_int_equal(decide(0, 74000), FAILOVER_UNSETTLED);
	assert_int_equal(decide(1, 75000), FAILOVER_GO);
}

static void
test_paused(void **state)
{
	(void)state;
	assert_int_equal(failover_decide(&failover, 1, 20, true, 7000),
	    FAILOVER_PAUSED);
	assert_int_equal(decide(1, 7000), FAILOVER_GO);
}

static void
test_flapping(void **state)
{
	(void)state;
	failover_note(&failover, 10000);
	failover_note(&failover, 20000);
	assert_int_equal(decide(1, 25000), FAILOVER_GO);
	failover_note(&failover, 30000);
	assert_int_equal(decide(1, 35000), FAILOVER_FLAPPING);
	assert_int_equal(decide(1, 10000 + HOUR - 1), FAILOVER_FLAPPING);
	assert_int_equal(decide(1, 10000 + HOUR), FAILOVER_GO);
	failover_note(&failover, 10000 + HOUR);
	assert_int_equal(decide(1, 10000 + HOUR), FAILOVER_FLAPPING);
	failover_acknowledge(&failover);
	assert_int_equal(decide(1, 10000 + HOUR), FAILOVER_GO);
}

/* The history is a ring: a limit beyond its size still limits. */
static void
test_limit_beyond_the_history(void **state)
{
	int i;

	(void)state;
	failover_init(&failover, EXPIRY, 100000, 1000);
	(void)failover_on_server(&failover, "run", "repl", 1000);
	for (i = 0; i < 200; i++)
		failover_note(&failover, 10000);
	assert_int_equal(decide(1, 10000 + EXPIRY), FAILOVER_FLAPPING);
}

static void
test_names(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < FAILOVER_HOLD_MAX; i++)
		assert_string_not_equal(failover_hold_name(
					    (enum failover_hold)i),
		    "unknown");
	assert_string_equal(failover_hold_name(FAILOVER_HOLD_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_not_before_one_expiry, setup),
		cmocka_unit_test_setup(test_anything_new_about_redis, setup),
		cmocka_unit_test_setup(test_server_that_does_not_say, setup),
		cmocka_unit_test_setup(test_slow_answers, setup),
		cmocka_unit_test_setup(test_mass_expiry, setup),
		cmocka_unit_test_setup(test_mass_acknowledged, setup),
		cmocka_unit_test_setup(test_next_leader, setup),
		cmocka_unit_test_setup(test_one_after_the_other, setup),
		cmocka_unit_test_setup(test_outage_is_no_mass, setup),
		cmocka_unit_test_setup(test_paused, setup),
		cmocka_unit_test_setup(test_flapping, setup),
		cmocka_unit_test_setup(test_limit_beyond_the_history, setup),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
