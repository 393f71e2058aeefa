/* SPDX-License-Identifier: ISC */
/*
 * The fleet's permission in the node's memory: whose it is, and when a drain
 * has to stand still.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/node_drain.h"

static void
test_over_before_others_come(void **state)
{
	struct node_drain drain = { .state = NODE_DRAIN_CLOSING,
		.asked_real_ms = 77 };
	struct node_permit permit = { 0 };

	(void)state;
	node_permit_begin(&permit, 77, false, false);
	/* Nothing has been asked for: there may be no fleet. */
	assert_false(node_permit_is_over(&permit, &drain, UINT64_MAX));
	node_permit_extend(&permit, 1000, 20000);
	assert_false(node_permit_is_over(&permit, &drain, 15999));
	assert_true(node_permit_is_over(&permit, &drain, 16000));
	/* The next supervisor takes up the same one. */
	node_permit_begin(&permit, 77, false, false);
	assert_true(node_permit_is_over(&permit, &drain, 16000));
	node_permit_extend(&permit, 9000, 20000);
	assert_false(node_permit_is_over(&permit, &drain, 16000));
	assert_true(node_permit_is_over(&permit, &drain, 24000));
}

static void
test_needs_none(void **state)
{
	struct node_drain drain = { .asked_real_ms = 77 };
	struct node_permit permit = { 0 };

	(void)state;
	node_permit_begin(&permit, 77, false, false);
	node_permit_extend(&permit, 1000, 4);
	for (uint32_t s = 0; s < NODE_DRAIN_STATE_MAX; s++) {
		atomic_store(&drain.state, s);
		assert_int_equal(node_permit_is_over(&permit, &drain, 2000),
		    s == NODE_DRAIN_CLOSING);
	}
	atomic_store(&drain.state, NODE_DRAIN_CLOSING);
	atomic_store(&drain.stops_after, 1);
	assert_false(node_permit_is_over(&permit, &drain, 2000));
	atomic_store(&drain.stops_after, 0);
	node_permit_begin(&permit, 77, true, false);
	assert_true(node_permit_is_forced(&permit, 77));
	assert_false(node_permit_is_over(&permit, &drain, 2000));
}

/* An older holdfastd leaves the words as they are. */
static void
test_of_another_drain(void **state)
{
	struct node_drain drain = { .state = NODE_DRAIN_CLOSING,
		.asked_real_ms = 78 };
	struct node_permit permit = { 0 };

	(void)state;
	node_permit_begin(&permit, 77, true, true);
	node_permit_extend(&permit, 1000, 4);
	assert_true(node_permit_is_verdict(&permit, 77));
	assert_false(node_permit_is_verdict(&permit, 78));
	assert_false(node_permit_is_forced(&permit, 78));
	assert_false(node_permit_is_over(&permit, &drain, 2000));
	node_permit_begin(&permit, 78, false, false);
	assert_false(node_permit_is_over(&permit, &drain, 2000));
	assert_false(node_permit_is_forced(&permit, 78));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over_before_others_come),
		cmocka_unit_test(test_needs_none),
		cmocka_unit_test(test_of_another_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
