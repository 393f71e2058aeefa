/* SPDX-License-Identifier: ISC */
/*
 * The state machine of an upgrade: what must hold in every cell, so that at
 * each moment exactly one supervisor is responsible, and the stories of
 * upgrades that succeed, are refused and are rolled back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/upgrade/upgrade_fsm.h"

static int
is_over(enum upgrade_state state)
{
	return state == UPGRADE_IDLE || state == UPGRADE_FINISHED;
}

static void
check_cell(enum upgrade_state state, enum upgrade_event event)
{
	struct upgrade_move move = upgrade_fsm_step(state, event);
	int was_aside = upgrade_fsm_is_aside(state);
	int is_aside = upgrade_fsm_is_aside(move.next);

	assert_true((unsigned)move.next < UPGRADE_STATE_MAX);
	assert_true((unsigned)move.action < UPGRADE_ACTION_MAX);
	if (move.action == UPGRADE_ACT_UNEXPECTED ||
	    move.action == UPGRADE_ACT_BUSY)
		assert_int_equal(move.next, state);
	/* The slots are let go at one place only, when the other is ready. */
	assert_int_equal(!was_aside && is_aside,
	    state == UPGRADE_PREPARING && event == UPGRADE_EV_READY);
	assert_int_equal(!was_aside && is_aside,
	    move.action == UPGRADE_ACT_LET_GO);
	/* Who is aside comes back only by starting anew. */
	assert_false(was_aside && !is_aside);
	/* We take back only what nobody else has any more. */
	if (move.next == UPGRADE_TAKING_BACK && state != UPGRADE_TAKING_BACK)
		assert_int_equal(event, UPGRADE_EV_GONE);
	/* "As before" is said only while all is as before. */
	if (move.action == UPGRADE_ACT_REFUSE)
		assert_true(!was_aside && move.next == UPGRADE_IDLE);
	/* One at a time. */
	if (event == UPGRADE_EV_START && state != UPGRADE_IDLE)
		assert_int_equal(move.action, UPGRADE_ACT_BUSY);
	/* We end when it has all, or when the whole node ends. */
	if (move.action == UPGRADE_ACT_FINISH)
		assert_true(
		    event == UPGRADE_EV_DONE || state == UPGRADE_LEAVING);
}

static void
test_every_cell(void **state)
{
	int s, e;

	(void)state;
	for (s = 0; s < UPGRADE_STATE_MAX; s++) {
		for (e = 0; e < UPGRADE_EVENT_MAX; e++)
			check_cell((enum upgrade_state)s,
			    (enum upgrade_event)e);
	}
}

/* A process that has ended is noticed in every state that has one. */
static void
test_gone_is_never_missed(void **state)
{
	int s;

	(void)state;
	for (s = 0; s < UPGRADE_STATE_MAX; s++) {
		struct upgrade_move move =
		    upgrade_fsm_step((enum upgrade_state)s, UPGRADE_EV_GONE);

		if (s == UPGRADE_IDLE || s == UPGRADE_CHECKING ||
		    s == UPGRADE_TAKING_BACK)
			assert_int_equal(move.action, UPGRADE_ACT_UNEXPECTED);
		else
			assert_true(is_over(move.next) ||
			    move.next == UPGRADE_TAKING_BACK);
	}
}

/* Nothing waits forever, but for a node that is being stopped. */
static void
test_every_state_has_a_deadline(void **state)
{
	int s;

	(void)state;
	for (s = 0; s < UPGRADE_STATE_MAX; s++) {
		struct upgrade_move move =
		    upgrade_fsm_step((enum upgrade_state)s, UPGRADE_EV_TIMEOUT);

		/* Taking back is an exec: no event comes after it. */
		if (is_over((enum upgrade_state)s) || s == UPGRADE_LEAVING ||
		    s == UPGRADE_TAKING_BACK) {
			assert_int_equal(upgrade_fsm_deadline_ms(
					     (enum upgrade_state)s),
			    0);
			assert_int_equal(move.action, UPGRADE_ACT_UNEXPECTED);
			continue;
		}
		assert_true(upgrade_fsm_deadline_ms((enum upgrade_state)s) > 0);
		assert_int_equal(move.action, UPGRADE_ACT_KILL);
	}
}

struct story {
	enum upgrade_event event;
	enum upgrade_state next;
	enum upgrade_action action;
};

static void
tell(const struct story *story, size_t count)
{
	enum upgrade_state at = UPGRADE_IDLE;
	size_t i;

	for (i = 0; i < count; i++) {
		struct upgrade_move move = upgrade_fsm_step(at, story[i].event);

		assert_int_equal(move.next, story[i].next);
		assert_int_equal(move.action, story[i].action);
		at = move.next;
	}
}

#define TELL(story) tell(story, sizeof(story) / sizeof((story)[0]))
#define S(event, next, action)                                                 \
	{                                                                      \
		UPGRADE_EV_##event, UPGRADE_##next, UPGRADE_ACT_##action       \
	}

static void
test_success(void **state)
{
	static const struct story story[] = {
		S(START, CHECKING, CHECK),
		S(CHECKED, PREPARING, SPAWN),
		S(READY, ASIDE, LET_GO),
		S(LET_GO, ADOPTING, GO),
		S(ADOPTED, MOVING, PROGRESS),
		S(MOVED, MOVING, PROGRESS),
		S(MOVED, MOVING, PROGRESS),
		S(DONE, FINISHED, FINISH),
		S(GONE, FINISHED, NONE),
	};

	(void)state;
	TELL(story);
}

static void
test_refused(void **state)
{
	static const struct story bad_config[] = {
		S(START, CHECKING, CHECK),
		S(FAILED, IDLE, REFUSE),
		S(START, CHECKING, CHECK),
	};
	static const struct story hangs[] = {
		S(START, CHECKING, CHECK),
		S(CHECKED, PREPARING, SPAWN),
		S(TIMEOUT, ABORTING, KILL),
		S(TIMEOUT, ABORTING, KILL),
		S(BROKEN, ABORTING, NONE),
		S(GONE, IDLE, REFUSE),
	};

	(void)state;
	TELL(bad_config);
	TELL(hangs);
}

static void
test_rolled_back(void **state)
{
	static const struct story bad_worker[] = {
		S(START, CHECKING, CHECK),
		S(CHECKED, PREPARING, SPAWN),
		S(READY, ASIDE, LET_GO),
		S(LET_GO, ADOPTING, GO),
		S(ADOPTED, MOVING, PROGRESS),
		S(FAILED, RETURNING, PROGRESS),
		S(MOVED, RETURNING, PROGRESS),
		S(RETURNED, ROLLING_BACK, KILL),
		S(GONE, TAKING_BACK, TAKE_BACK),
	};
	static const struct story dies[] = {
		S(START, CHECKING, CHECK),
		S(CHECKED, PREPARING, SPAWN),
		S(READY, ASIDE, LET_GO),
		S(LET_GO, ADOPTING, GO),
		S(GONE, TAKING_BACK, TAKE_BACK),
	};

	(void)state;
	TELL(bad_worker);
	TELL(dies);
}

static void
test_stopped_meanwhile(void **state)
{
	static const struct story story[] = {
		S(START, CHECKING, CHECK),
		S(CHECKED, PREPARING, SPAWN),
		S(READY, ASIDE, LET_GO),
		S(LET_GO, ADOPTING, GO),
		S(STOP, LEAVING, FORWARD),
		S(ADOPTED, LEAVING, NONE),
		S(STOP, LEAVING, FORWARD),
		S(GONE, FINISHED, FINISH),
	};

	(void)state;
	TELL(story);
}

static void
test_names(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < UPGRADE_STATE_MAX; i++)
		assert_non_null(upgrade_state_name((enum upgrade_state)i));
	for (i = 0; i < UPGRADE_EVENT_MAX; i++)
		assert_non_null(upgrade_event_name((enum upgrade_event)i));
	for (i = 0; i < UPGRADE_ACTION_MAX; i++)
		assert_non_null(upgrade_action_name((enum upgrade_action)i));
	assert_string_equal(upgrade_state_name(UPGRADE_STATE_MAX), "?");
	assert_string_equal(upgrade_event_name(UPGRADE_EVENT_MAX), "?");
	assert_string_equal(upgrade_action_name(UPGRADE_ACTION_MAX), "?");
	assert_int_equal(
	    upgrade_fsm_step(UPGRADE_STATE_MAX, UPGRADE_EV_START).action,
	    UPGRADE_ACT_UNEXPECTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_gone_is_never_missed),
		cmocka_unit_test(test_every_state_has_a_deadline),
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_rolled_back),
		cmocka_unit_test(test_stopped_meanwhile),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
