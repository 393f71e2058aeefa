/* SPDX-License-Identifier: ISC */
/*
 * The member's state machine: what must hold in every cell, and the stories of
 * nodes that come, drain, die and come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/fleet/member_fsm.h"

static void
check_cell(enum member_state state, enum member_event event)
{
	struct member_move move = member_fsm_step(state, event);

	assert_true((unsigned)move.next < MEMBER_STATE_MAX);
	assert_true((unsigned)move.action < MEMBER_ACTION_MAX);
	if (move.action == MEMBER_ACT_UNEXPECTED ||
	    move.action == MEMBER_ACT_NONE)
		assert_int_equal(move.next, state);
	/* Nobody dies without having been suspected and confirmed. */
	if (move.next == MEMBER_DEAD && state != MEMBER_DEAD) {
		assert_int_equal(state, MEMBER_SUSPECT);
		assert_int_equal(event, MEMBER_EV_CONFIRMED);
	}
	assert_int_equal(move.action == MEMBER_ACT_BURY,
	    move.next == MEMBER_DEAD && state != MEMBER_DEAD);
	/* A dead one has no routes: it comes back by joining only. */
	if (state == MEMBER_DEAD && member_state_counts(move.next))
		assert_int_equal(move.next, MEMBER_JOINING);
	/* An expired lease is never a reason to purge by itself. */
	if (event == MEMBER_EV_EXPIRED)
		assert_int_not_equal(move.action, MEMBER_ACT_BURY);
	/* A sign of life ends a suspicion. */
	if (state == MEMBER_SUSPECT && event <= MEMBER_EV_LEAVE)
		assert_int_equal(move.action, MEMBER_ACT_SPARE);
}

static void
test_every_cell(void **state)
{
	int s, e;

	(void)state;
	for (s = 0; s < MEMBER_STATE_MAX; s++) {
		for (e = 0; e < MEMBER_EVENT_MAX; e++)
			check_cell((enum member_state)s, (enum member_event)e);
	}
}

/* What a live lease says is what the member becomes, but for the dead and the
 * left, who must join first. */
static void
test_the_lease_is_believed(void **state)
{
	int s;

	(void)state;
	for (s = 0; s < MEMBER_STATE_MAX; s++) {
		enum member_state from = (enum member_state)s;

		assert_int_equal(member_fsm_step(from, MEMBER_EV_JOIN).next,
		    MEMBER_JOINING);
		if (!member_state_counts(from))
			continue;
		assert_int_equal(member_fsm_step(from, MEMBER_EV_READY).next,
		    MEMBER_HEALTHY);
		assert_int_equal(member_fsm_step(from, MEMBER_EV_DRAIN).next,
		    MEMBER_DRAINING);
		assert_int_equal(member_fsm_step(from, MEMBER_EV_LEAVE).next,
		    MEMBER_LEFT);
		assert_int_equal(member_fsm_step(from, MEMBER_EV_EXPIRED).next,
		    MEMBER_SUSPECT);
	}
}

static void
test_death_and_return(void **state)
{
	static const struct {
		enum member_event event;
		enum member_state next;
		enum member_action action;
	} story[] = {
		{ MEMBER_EV_READY, MEMBER_HEALTHY, MEMBER_ACT_NOTE },
		{ MEMBER_EV_EXPIRED, MEMBER_SUSPECT, MEMBER_ACT_PROBE },
		{ MEMBER_EV_EXPIRED, MEMBER_SUSPECT, MEMBER_ACT_PROBE },
		{ MEMBER_EV_READY, MEMBER_HEALTHY, MEMBER_ACT_SPARE },
		{ MEMBER_EV_CONFIRMED, MEMBER_HEALTHY, MEMBER_ACT_UNEXPECTED },
		{ MEMBER_EV_EXPIRED, MEMBER_SUSPECT, MEMBER_ACT_PROBE },
		{ MEMBER_EV_CONFIRMED, MEMBER_DEAD, MEMBER_ACT_BURY },
		{ MEMBER_EV_CONFIRMED, MEMBER_DEAD, MEMBER_ACT_NONE },
		{ MEMBER_EV_READY, MEMBER_DEAD, MEMBER_ACT_UNEXPECTED },
		{ MEMBER_EV_JOIN, MEMBER_JOINING, MEMBER_ACT_SPARE },
		{ MEMBER_EV_READY, MEMBER_HEALTHY, MEMBER_ACT_NOTE },
		{ MEMBER_EV_DRAIN, MEMBER_DRAINING, MEMBER_ACT_NOTE },
		{ MEMBER_EV_LEAVE, MEMBER_LEFT, MEMBER_ACT_NOTE },
		{ MEMBER_EV_EXPIRED, MEMBER_LEFT, MEMBER_ACT_NONE },
	};
	enum member_state at = MEMBER_JOINING;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(story) / sizeof(story[0]); i++) {
		struct member_move move = member_fsm_step(at, story[i].event);

		assert_int_equal(move.next, story[i].next);
		assert_int_equal(move.action, story[i].action);
		at = move.next;
	}
}

static void
test_names(void **state)
{
	enum member_state parsed = MEMBER_LEFT;
	int i;

	(void)state;
	for (i = 0; i < MEMBER_STATE_MAX; i++) {
		assert_int_equal(member_state_parse(member_state_name(
							(enum member_state)i),
				     &parsed),
		    0);
		assert_int_equal(parsed, i);
	}
	assert_true(member_state_parse("Dead", &parsed) < 0);
	assert_true(member_state_parse("", &parsed) < 0);
	assert_int_equal(parsed, MEMBER_LEFT);
	for (i = 0; i < MEMBER_EVENT_MAX; i++)
		assert_string_not_equal(member_event_name((enum member_event)i),
		    "unknown");
	for (i = 0; i < MEMBER_ACTION_MAX; i++)
		assert_string_not_equal(member_action_name(
					    (enum member_action)i),
		    "unknown");
	assert_string_equal(member_state_name(MEMBER_STATE_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_the_lease_is_believed),
		cmocka_unit_test(test_death_and_return),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
