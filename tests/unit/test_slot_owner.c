/* SPDX-License-Identifier: ISC */
/*
 * The owner word: whoever comes too late finds out, in every order.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/slot_owner.h"

static void
test_commit(void **state)
{
	_Atomic uint64_t word = 0;
	uint64_t token;

	(void)state;
	assert_int_equal(slot_owner_claim(&word, 7), 0);
	assert_int_equal(slot_owner_give(&word, 6, &token), -ESTALE);
	assert_int_equal(slot_owner_give(&word, 7, &token), 0);
	assert_false(slot_owner_has_moved(&word));
	assert_false(slot_owner_was_committed(&word, token));
	assert_true(slot_owner_commit(&word, token));
	assert_true(slot_owner_has_moved(&word));
	assert_true(slot_owner_was_committed(&word, token));
	/* For ever. */
	assert_false(slot_owner_commit(&word, token));
	assert_false(slot_owner_take_back(&word, token));
	assert_false(slot_owner_revoke(&word));
	assert_int_equal(slot_owner_claim(&word, 8), -ESTALE);
	assert_int_equal(slot_owner_give(&word, 7, &token), -ESTALE);
}

static void
test_take_back(void **state)
{
	_Atomic uint64_t word = 0;
	uint64_t first, second;

	(void)state;
	assert_int_equal(slot_owner_claim(&word, 1), 0);
	assert_int_equal(slot_owner_give(&word, 1, &first), 0);
	assert_true(slot_owner_take_back(&word, first));
	/* A taker that was asleep. */
	assert_false(slot_owner_commit(&word, first));
	assert_int_equal(slot_owner_give(&word, 1, &second), 0);
	assert_true(first != second);
	assert_false(slot_owner_commit(&word, first));
	assert_true(slot_owner_commit(&word, second));
	/* The first taker's keeper does not think that it has it. */
	assert_false(slot_owner_was_committed(&word, first));
	assert_true(slot_owner_was_committed(&word, second));
}

static void
test_giver_dies(void **state)
{
	_Atomic uint64_t word = 0;
	uint64_t token, again;

	(void)state;
	assert_int_equal(slot_owner_claim(&word, 1), 0);
	assert_int_equal(slot_owner_give(&word, 1, &token), 0);
	/* Its keeper starts the next one. */
	assert_int_equal(slot_owner_claim(&word, 2), 0);
	assert_false(slot_owner_commit(&word, token));
	assert_false(slot_owner_take_back(&word, token));
	assert_false(slot_owner_was_committed(&word, token));
	assert_int_equal(slot_owner_give(&word, 2, &again), 0);
	assert_true(slot_owner_commit(&word, again));
}

static void
test_revoke(void **state)
{
	_Atomic uint64_t word = 0;
	uint64_t token;

	(void)state;
	assert_int_equal(slot_owner_claim(&word, 1), 0);
	assert_true(slot_owner_revoke(&word));
	assert_int_equal(slot_owner_give(&word, 1, &token), 0);
	assert_true(slot_owner_revoke(&word));
	assert_false(slot_owner_commit(&word, token));
	assert_false(slot_owner_take_back(&word, token));
	/* Nothing that no give made is ever committed. */
	assert_false(slot_owner_commit(&word, 1));
	assert_int_equal(slot_owner_give(&word, 1, &token), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_take_back),
		cmocka_unit_test(test_giver_dies),
		cmocka_unit_test(test_revoke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
