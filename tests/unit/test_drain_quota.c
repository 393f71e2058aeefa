/* SPDX-License-Identifier: ISC */
/*
 * Drain leases: who may drain beside whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/fleet/drain_quota.h"

static void
test_reserved(void **state)
{
	static const struct drain_reservation leases[] = {
		{ "a", 100, 5000 }, { "b", 200, 5000 },
		{ "c", 400, 1000 }, /* over */
	};
	size_t others = 9;

	(void)state;
	assert_int_equal(drain_quota_reserved(leases, 3, "a", 4999, &others),
	    200);
	assert_int_equal(others, 1);
	assert_int_equal(drain_quota_reserved(leases, 3, "d", 999, &others),
	    700);
	assert_int_equal(others, 3);
	assert_int_equal(drain_quota_reserved(leases, 3, "d", 5000, &others),
	    0);
	assert_int_equal(others, 0);
}

static void
test_grants(void **state)
{
	(void)state;
	/* 2 % of 10,000 are 200. */
	assert_true(drain_quota_grants(100, 1, 100, 0.02, 10000));
	assert_false(drain_quota_grants(100, 1, 101, 0.02, 10000));
	/* The first is granted whatever its size: a small fleet, a big node. */
	assert_true(drain_quota_grants(0, 0, 9000, 0.02, 10000));
	assert_true(drain_quota_grants(0, 0, 1, 0, 0));
	/* One beside it who reserved nothing still counts. */
	assert_false(drain_quota_grants(0, 1, 9000, 0.02, 10000));
	assert_true(drain_quota_grants(0, 1, 0, 0.02, 0));
	assert_false(
	    drain_quota_grants(UINT64_MAX, 1, UINT64_MAX, 0.02, 10000));
}

/* Nodes ask in any order, each lease runs out some day: all get their turn, and
 * never do two of them move more than the quota. */
static void
test_everybody_gets_a_turn(void **state)
{
	struct drain_reservation leases[20];
	char names[20][8];
	int done[20] = { 0 };
	uint64_t now, random = 3;
	int left = 20, i;

	(void)state;
	for (i = 0; i < 20; i++) {
		names[i][0] = (char)('a' + i);
		names[i][1] = '\0';
		leases[i] = (struct drain_reservation){ names[i],
			(uint64_t)(50 + 40 * i), 0 };
	}
	for (now = 1; left > 0 && now < 10000; now++) {
		size_t others, moving = 0;
		uint64_t reserved, all = 0;
		int j;

		random = random * 6364136223846793005ull + 1;
		i = (int)((random >> 33) % 20);
		reserved = drain_quota_reserved(leases, 20, names[i], now,
		    &others);
		if (!done[i] &&
		    drain_quota_grants(reserved, others, leases[i].connections,
			0.02, 10000)) {
			leases[i].expires_ms = now + 10;
			done[i] = 1;
			left--;
		}
		for (j = 0; j < 20; j++) {
			if (leases[j].expires_ms > now) {
				moving++;
				all += leases[j].connections;
			}
		}
		assert_true(moving <= 1 || all <= 200);
	}
	assert_int_equal(left, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_everybody_gets_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
