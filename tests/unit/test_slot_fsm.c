/* SPDX-License-Identifier: ISC */
/*
 * The slot's state machine: what must hold in every cell, and the stories of
 * slots that live, crash, lose their keeper and stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/slot/slot_fsm.h"

/* States in which no process of the slot can be alive. */
static int
is_empty(enum slot_state state)
{
	return state == SLOT_DOWN || state == SLOT_WAITING ||
	    state == SLOT_STOPPED;
}

static void
check_cell(enum slot_state state, enum slot_event event)
{
	struct slot_move move = slot_fsm_step(state, event);

	assert_true((unsigned)move.next < SLOT_STATE_MAX);
	assert_true((unsigned)move.action < SLOT_ACTION_MAX);
	if (move.action == SLOT_ACT_UNEXPECTED)
		assert_int_equal(move.next, state);
	/* A keeper is started from nothing only, and leads to STARTING. */
	if (move.action == SLOT_ACT_SPAWN) {
		assert_true(is_empty(state));
		assert_int_equal(move.next, SLOT_STARTING);
	}
	/* Memory is renewed only when nobody is left to use it. */
	assert_int_equal(move.action == SLOT_ACT_RENEW,
	    event == SLOT_EV_GONE && move.next == SLOT_WAITING &&
		state != SLOT_WAITING);
	if (is_empty(move.next) && !is_empty(state))
		assert_int_equal(event, SLOT_EV_GONE);
	/* What is to be stopped never serves again. */
	if (state == SLOT_STOPPING)
		assert_true(
		    move.next == SLOT_STOPPING || move.next == SLOT_STOPPED);
	/* To abort is for tenants that have a keeper or none to lose. */
	if (move.action == SLOT_ACT_ABORT)
		assert_int_equal(event, SLOT_EV_STALL);
}

static void
test_every_cell(void **state)
{
	int s, e;

	(void)state;
	for (s = 0; s < SLOT_STATE_MAX; s++) {
		for (e = 0; e < SLOT_EVENT_MAX; e++)
			check_cell((enum slot_state)s, (enum slot_event)e);
	}
}

static void
test_stop_ends_every_state(void **state)
{
	int s;

	(void)state;
	for (s = 0; s < SLOT_STATE_MAX; s++) {
		struct slot_move move = slot_fsm_step((enum slot_state)s,
		    SLOT_EV_STOP);

		if (is_empty((enum slot_state)s)) {
			assert_int_equal(move.next, SLOT_STOPPED);
			continue;
		}
		assert_int_equal(move.next, SLOT_STOPPING);
		move = slot_fsm_step(SLOT_STOPPING, SLOT_EV_GONE);
		assert_int_equal(move.next, SLOT_STOPPED);
		assert_int_equal(move.action, SLOT_ACT_STOPPED);
	}
}

/* Whatever lived, once it is gone the slot is started empty. */
static void
test_gone_is_never_missed(void **state)
{
	int s;

	(void)state;
	for (s = 0; s < SLOT_STATE_MAX; s++) {
		struct slot_move move = slot_fsm_step((enum slot_state)s,
		    SLOT_EV_GONE);

		if (is_empty((enum slot_state)s))
			assert_int_equal(move.action, SLOT_ACT_UNEXPECTED);
		else if (s != SLOT_STOPPING)
			assert_int_equal(move.next, SLOT_WAITING);
	}
	assert_int_equal(slot_fsm_step(SLOT_WAITING, SLOT_EV_TIMEOUT).action,
	    SLOT_ACT_SPAWN);
}

struct story {
	enum slot_event event;
	enum slot_state next;
	enum slot_action action;
};

static void
tell(enum slot_state state, const struct story *story, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct slot_move move = slot_fsm_step(state, story[i].event);

		assert_int_equal(move.next, story[i].next);
		assert_int_equal(move.action, story[i].action);
		state = move.next;
	}
}

#define TELL(state, story) tell(state, story, sizeof(story) / sizeof(story[0]))

static void
test_ordinary_life(void **state)
{
	static const struct story life[] = {
		{ SLOT_EV_START, SLOT_STARTING, SLOT_ACT_SPAWN },
		{ SLOT_EV_HELLO, SLOT_HANDSHAKING, SLOT_ACT_SETUP },
		{ SLOT_EV_TENANT_STARTED, SLOT_ADOPTING, SLOT_ACT_WATCH },
		{ SLOT_EV_SERVING, SLOT_SERVING, SLOT_ACT_UP },
		{ SLOT_EV_TENANT_EXITED, SLOT_BACKOFF, SLOT_ACT_DEATH },
		{ SLOT_EV_TENANT_STARTED, SLOT_ADOPTING, SLOT_ACT_WATCH },
		{ SLOT_EV_SERVING, SLOT_SERVING, SLOT_ACT_UP },
		{ SLOT_EV_STALL, SLOT_STALLED, SLOT_ACT_ABORT },
		{ SLOT_EV_TENANT_EXITED, SLOT_BACKOFF, SLOT_ACT_DEATH },
		/* the tenant's channel may be quicker than the keeper's */
		{ SLOT_EV_SERVING, SLOT_SERVING, SLOT_ACT_UP },
		{ SLOT_EV_STOP, SLOT_STOPPING, SLOT_ACT_STOP },
		{ SLOT_EV_TIMEOUT, SLOT_STOPPING, SLOT_ACT_KILL },
		{ SLOT_EV_GONE, SLOT_STOPPED, SLOT_ACT_STOPPED },
	};

	(void)state;
	TELL(SLOT_DOWN, life);
}

static void
test_keeper_lost(void **state)
{
	static const struct story life[] = {
		{ SLOT_EV_KEEPER_LOST, SLOT_KEEPER_LOST, SLOT_ACT_LOST },
		{ SLOT_EV_SERVING, SLOT_KEEPER_LOST, SLOT_ACT_NONE },
		{ SLOT_EV_GONE, SLOT_WAITING, SLOT_ACT_RENEW },
		{ SLOT_EV_TIMEOUT, SLOT_STARTING, SLOT_ACT_SPAWN },
	};

	(void)state;
	TELL(SLOT_SERVING, life);
}

static void
test_evacuation(void **state)
{
	static const struct story paced[] = {
		{ SLOT_EV_CRASHES, SLOT_EVACUATING, SLOT_ACT_EVACUATE },
		{ SLOT_EV_TENANT_EXITED, SLOT_EVACUATING, SLOT_ACT_DEATH },
		{ SLOT_EV_TENANT_STARTED, SLOT_EVACUATING, SLOT_ACT_WATCH },
		{ SLOT_EV_SERVING, SLOT_EVACUATING, SLOT_ACT_EVACUATE },
		{ SLOT_EV_DRAINED, SLOT_DYING, SLOT_ACT_STOP },
		{ SLOT_EV_GONE, SLOT_WAITING, SLOT_ACT_RENEW },
	};
	/* It cannot even adopt: there is nobody who could close. */
	static const struct story hopeless[] = {
		{ SLOT_EV_CRASHES, SLOT_DYING, SLOT_ACT_KILL },
		{ SLOT_EV_KEEPER_LOST, SLOT_DYING, SLOT_ACT_KILL },
		{ SLOT_EV_GONE, SLOT_WAITING, SLOT_ACT_RENEW },
	};

	(void)state;
	TELL(SLOT_SERVING, paced);
	TELL(SLOT_BACKOFF, hopeless);
}

static void
test_taken_over(void **state)
{
	static const struct story claims[] = {
		{ SLOT_EV_FOUND, SLOT_AWAITED, SLOT_ACT_AWAIT },
		{ SLOT_EV_TIMEOUT, SLOT_AWAITED, SLOT_ACT_PROD },
		{ SLOT_EV_TENANT_STARTED, SLOT_ADOPTING, SLOT_ACT_WATCH },
		{ SLOT_EV_SERVING, SLOT_SERVING, SLOT_ACT_UP },
		{ SLOT_EV_KEEPER_LOST, SLOT_KEEPER_LOST, SLOT_ACT_LOST },
	};
	static const struct story ends[] = {
		{ SLOT_EV_FOUND, SLOT_AWAITED, SLOT_ACT_AWAIT },
		{ SLOT_EV_KEEPER_LOST, SLOT_AWAITED, SLOT_ACT_NONE },
		{ SLOT_EV_GONE, SLOT_WAITING, SLOT_ACT_RENEW },
	};
	static const struct story never[] = {
		{ SLOT_EV_FOUND, SLOT_AWAITED, SLOT_ACT_AWAIT },
		{ SLOT_EV_BROKEN, SLOT_DYING, SLOT_ACT_KILL },
	};

	(void)state;
	TELL(SLOT_DOWN, claims);
	TELL(SLOT_DOWN, ends);
	TELL(SLOT_DOWN, never);
	/* Only what is down can be found: nothing is started twice. */
	for (int s = 0; s < SLOT_STATE_MAX; s++)
		if (s != SLOT_DOWN)
			assert_int_equal(slot_fsm_step((enum slot_state)s,
					     SLOT_EV_FOUND)
					     .action,
			    SLOT_ACT_UNEXPECTED);
}

static void
test_names(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < SLOT_STATE_MAX; i++) {
		for (j = 0; j < i; j++)
			assert_string_not_equal(slot_state_name(
						    (enum slot_state)i),
			    slot_state_name((enum slot_state)j));
	}
	for (i = 0; i < SLOT_EVENT_MAX; i++)
		assert_non_null(slot_event_name((enum slot_event)i));
	for (i = 0; i < SLOT_ACTION_MAX; i++)
		assert_non_null(slot_action_name((enum slot_action)i));
	assert_string_equal(slot_state_name(SLOT_STATE_MAX), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_stop_ends_every_state),
		cmocka_unit_test(test_gone_is_never_missed),
		cmocka_unit_test(test_ordinary_life),
		cmocka_unit_test(test_keeper_lost),
		cmocka_unit_test(test_evacuation),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
