/* SPDX-License-Identifier: ISC */
/*
 * A drain's permission: what must hold in every cell, and the stories of drains
 * that wait, close, stand still and stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/drain_lease_fsm.h"

static void
check_cell(enum drain_lease state, enum drain_lease_event event)
{
	struct drain_lease_move move = drain_lease_step(state, event);

	assert_true((unsigned)move.next < DRAIN_LEASE_MAX);
	assert_true((unsigned)move.action < DRAIN_LEASE_ACTION_MAX);
	if (move.action == DRAIN_LEASE_ACT_UNEXPECTED)
		assert_int_equal(move.next, state);
	/* Closes begin with permission, or where none is needed. */
	if (move.action == DRAIN_LEASE_ACT_CLOSE)
		assert_true(move.next == DRAIN_LEASE_HELD ||
		    move.next == DRAIN_LEASE_FORCED);
	assert_int_equal(move.action == DRAIN_LEASE_ACT_UNLEASED,
	    event == DRAIN_LEASE_EV_IMPATIENT && move.next != state);
	/* They are left alone only when it is over, and never if forced. */
	assert_int_equal(move.action == DRAIN_LEASE_ACT_PAUSE,
	    move.next == DRAIN_LEASE_PAUSED && state != DRAIN_LEASE_PAUSED);
	if (move.action == DRAIN_LEASE_ACT_PAUSE) {
		assert_int_equal(state, DRAIN_LEASE_HELD);
		assert_int_equal(event, DRAIN_LEASE_EV_OVER);
	}
	if (move.action == DRAIN_LEASE_ACT_RESUME)
		assert_int_equal(state, DRAIN_LEASE_PAUSED);
	/* Who was forced stays so until it is undone. */
	if (state == DRAIN_LEASE_FORCED && event != DRAIN_LEASE_EV_END)
		assert_int_equal(move.next, DRAIN_LEASE_FORCED);
}

static void
test_every_cell(void **state)
{
	int s, e;

	(void)state;
	for (s = 0; s < DRAIN_LEASE_MAX; s++) {
		for (e = 0; e < DRAIN_LEASE_EVENT_MAX; e++)
			check_cell((enum drain_lease)s,
			    (enum drain_lease_event)e);
	}
}

/* What somebody wants is done in whatever state. */
static void
test_orders(void **state)
{
	int s;

	(void)state;
	for (s = 0; s < DRAIN_LEASE_MAX; s++) {
		enum drain_lease from = (enum drain_lease)s, to;

		assert_int_equal(
		    drain_lease_step(from, DRAIN_LEASE_EV_END).next,
		    DRAIN_LEASE_NONE);
		assert_int_equal(
		    drain_lease_step(from, DRAIN_LEASE_EV_FORCE).next,
		    DRAIN_LEASE_FORCED);
		/* One that stops may wait, but not stand still in the midst. */
		to = drain_lease_step(from, DRAIN_LEASE_EV_STOP).next;
		assert_int_not_equal(to, DRAIN_LEASE_PAUSED);
		assert_int_equal(to == DRAIN_LEASE_WAITING,
		    from == DRAIN_LEASE_WAITING);
		/* One that ends now does neither. */
		to = drain_lease_step(from, DRAIN_LEASE_EV_NOW).next;
		assert_true(to == DRAIN_LEASE_HELD || to == DRAIN_LEASE_FORCED);
	}
}

struct step {
	enum drain_lease_event event;
	enum drain_lease next;
	enum drain_lease_action action;
};

static void
tell(const struct step *story, size_t count)
{
	enum drain_lease at = DRAIN_LEASE_NONE;
	size_t i;

	for (i = 0; i < count; i++) {
		struct drain_lease_move move = drain_lease_step(at,
		    story[i].event);

		assert_int_equal(move.next, story[i].next);
		assert_int_equal(move.action, story[i].action);
		at = move.next;
	}
}

#define STEP(event, next, action)                                              \
	{                                                                      \
		DRAIN_LEASE_EV_##event, DRAIN_LEASE_##next,                    \
		    DRAIN_LEASE_ACT_##action                                   \
	}
#define TELL(story) tell(story, sizeof(story) / sizeof((story)[0]))

static void
test_stories(void **state)
{
	static const struct step pauses[] = {
		STEP(GRANTED, NONE, UNEXPECTED),
		STEP(SEEK, WAITING, ASK),
		STEP(OVER, WAITING, UNEXPECTED),
		STEP(GRANTED, HELD, CLOSE),
		STEP(GRANTED, HELD, NONE),
		STEP(OVER, PAUSED, PAUSE),
		STEP(OVER, PAUSED, STAY),
		STEP(GRANTED, HELD, RESUME),
		STEP(OVER, PAUSED, PAUSE),
		STEP(STOP, HELD, NONE),
		STEP(END, NONE, NONE),
	};
	static const struct step stops[] = {
		STEP(SEEK, WAITING, ASK),
		STEP(STOP, WAITING, NONE),
		STEP(SEEK, WAITING, ASK),
		STEP(IMPATIENT, FORCED, UNLEASED),
		STEP(OVER, FORCED, UNEXPECTED),
		STEP(NOW, FORCED, NONE),
	};
	static const struct step forced[] = {
		STEP(FORCE, FORCED, NONE),
		STEP(SEEK, FORCED, CLOSE),
		STEP(GRANTED, FORCED, NONE),
	};
	static const struct step empty[] = {
		STEP(SEEK, WAITING, ASK),
		STEP(FREE, HELD, CLOSE),
	};

	(void)state;
	TELL(pauses);
	TELL(stops);
	TELL(forced);
	TELL(empty);
}

static void
test_names(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < DRAIN_LEASE_MAX; i++)
		assert_int_equal(drain_lease_parse(
				     drain_lease_name((enum drain_lease)i)),
		    i);
	assert_int_equal(drain_lease_parse("Held"), DRAIN_LEASE_NONE);
	assert_int_equal(drain_lease_parse(""), DRAIN_LEASE_NONE);
	assert_string_equal(drain_lease_name(DRAIN_LEASE_MAX), "unknown");
	for (i = 0; i < DRAIN_LEASE_EVENT_MAX; i++)
		assert_string_not_equal(drain_lease_event_name(
					    (enum drain_lease_event)i),
		    "unknown");
	for (i = 0; i < DRAIN_LEASE_ACTION_MAX; i++)
		assert_string_not_equal(drain_lease_action_name(
					    (enum drain_lease_action)i),
		    "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
