/* SPDX-License-Identifier: ISC */
/*
 * The timer wheel against a list of due times: nothing fires early, late or
 * twice, at any phase of the clock's wrap, whatever the callbacks do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/timer_wheel.h"

#define NODES 300u
#define TICK  64u

struct record {
	uint32_t before;
	struct timer_node node;
	uint32_t after;
};

struct bench {
	struct timer_wheel wheel;
	struct record records[NODES];
	uint32_t due[NODES]; /* the model */
	bool is_set[NODES];
	uint32_t now;
	uint32_t last; /* time of the advance before */
	size_t fired;
	uint32_t random;
	int mode; /* what the callback does */
};

static struct bench bench;

static uint32_t
next_random(void)
{
	bench.random ^= bench.random << 13;
	bench.random ^= bench.random >> 17;
	bench.random ^= bench.random << 5;
	return bench.random;
}

static void
bench_init(uint32_t now)
{
	uint32_t i;

	memset(&bench, 0xee, sizeof(bench));
	memset(bench.is_set, 0, sizeof(bench.is_set));
	bench.now = now;
	bench.last = now;
	bench.fired = 0;
	bench.random = 2463534242u;
	bench.mode = 0;
	timer_wheel_init(&bench.wheel, bench.records, sizeof(bench.records[0]),
	    offsetof(struct record, node), TICK, now);
	for (i = 0; i < NODES; i++)
		timer_wheel_reset(&bench.wheel, i);
}

static void
arm(uint32_t i, uint32_t due)
{
	timer_wheel_set(&bench.wheel, i, due);
	bench.due[i] = due;
	bench.is_set[i] = true;
}

static void
disarm(uint32_t i)
{
	timer_wheel_cancel(&bench.wheel, i);
	bench.is_set[i] = false;
}

static void
on_fire(uint32_t i, void *arg)
{
	assert_ptr_equal(arg, &bench);
	assert_true(i < NODES);
	assert_true(bench.is_set[i]);
	assert_false(timer_wheel_is_armed(&bench.wheel, i));
	/* Never early ... */
	assert_true((int32_t)(bench.now - bench.due[i]) >= 0);
	/* ... and not later than one tick and the pause between advances. */
	assert_true(bench.now - bench.due[i] <= TICK + bench.now - bench.last);
	bench.is_set[i] = false;
	bench.fired++;
	if (bench.mode == 1) {
		uint32_t other = next_random() % NODES;

		arm(i, bench.now + next_random() % 5000);
		if (next_random() % 2 == 0)
			disarm(other);
		else
			arm(other, bench.now + next_random() % 200000);
	}
}

static size_t
advance(uint32_t step, size_t max)
{
	size_t fired;

	bench.last = bench.now;
	bench.now += step;
	fired = timer_wheel_advance(&bench.wheel, bench.now, on_fire, &bench,
	    max);
	return fired;
}

/* Whatever the model has and should have fired is a lost timer. */
static void
check_nothing_is_overdue(void)
{
	uint32_t armed = 0;
	uint32_t i;

	for (i = 0; i < NODES; i++) {
		assert_int_equal(timer_wheel_is_armed(&bench.wheel, i),
		    bench.is_set[i]);
		if (!bench.is_set[i])
			continue;
		armed++;
		assert_true(
		    (int32_t)(bench.now - bench.due[i]) < (int32_t)TICK);
		assert_int_equal(bench.records[i].before, 0xeeeeeeee);
		assert_int_equal(bench.records[i].after, 0xeeeeeeee);
	}
	assert_int_equal(bench.wheel.armed, armed);
}

static void
test_fires_between_due_and_one_tick_later(void **state)
{
	uint32_t due, start, i;

	(void)state;
	for (i = 0; i < 1200; i += 37) {
		start = UINT32_MAX - 700 + i;
		for (due = 0; due < 200; due += 3) {
			bench_init(start);
			arm(7, start + due);
			while (bench.fired == 0 && bench.now - start < 1000)
				advance(1, 10);
			assert_int_equal(bench.fired, 1);
			assert_true(bench.now - start >= due);
			assert_true(bench.now - start <= due + TICK);
		}
	}
}

static void
test_spans_of_an_hour_and_more(void **state)
{
	(void)state;
	bench_init(UINT32_MAX - 1800000);
	arm(0, bench.now + 3600000);
	arm(1, bench.now + 65536); /* exactly a turn */
	arm(2, bench.now + 7 * 86400000u);
	while (bench.is_set[0])
		advance(1000, 10);
	assert_false(bench.is_set[1]);
	while (bench.is_set[2])
		advance(10000, 10);
	assert_int_equal(bench.fired, 3);
}

static void
test_random_use_against_the_model(void **state)
{
	int round, i;

	(void)state;
	bench_init(UINT32_MAX - 100000);
	for (round = 0; round < 20000; round++) {
		bench.mode = round / 5000 % 2;
		for (i = 0; i < 5; i++) {
			uint32_t n = next_random() % NODES;

			if (next_random() % 3 == 0)
				disarm(n);
			else
				arm(n,
				    bench.now +
					next_random() %
					    (next_random() % 2 == 0 ? 300 :
								      300000));
		}
		advance(next_random() % 200, SIZE_MAX);
		check_nothing_is_overdue();
	}
	assert_true(bench.fired > 1000);
}

static void
test_a_due_time_in_the_past_fires_soon(void **state)
{
	(void)state;
	bench_init(1000000);
	timer_wheel_set(&bench.wheel, 3, 1);
	bench.due[3] = bench.now; /* as if due now */
	bench.is_set[3] = true;
	assert_int_equal(advance(TICK, 10), 1);
}

static void
test_max_fires_leaves_the_rest_for_the_next_call(void **state)
{
	uint32_t i;

	(void)state;
	bench_init(5);
	for (i = 0; i < 100; i++)
		arm(i, 10);
	assert_int_equal(advance(TICK, 30), 30);
	assert_int_equal(timer_wheel_next_ms(&bench.wheel, bench.now), 0);
	/* What waits can still be set anew, cancelled, and added to. */
	for (i = 0; i < 100; i++)
		if (bench.is_set[i])
			break;
	disarm(i);
	for (i++; i < 100; i++)
		if (bench.is_set[i])
			break;
	arm(i, bench.now + 10000);
	assert_int_equal(advance(0, 30), 30);
	assert_int_equal(advance(0, 0), 0);
	assert_int_equal(advance(0, 1000), 38);
	assert_int_equal(bench.wheel.armed, 1);
	assert_true(timer_wheel_next_ms(&bench.wheel, bench.now) > 9000);
}

static void
on_rearm(uint32_t i, void *arg)
{
	size_t *count = arg;

	(*count)++;
	/* Already past: fires in the next tick, not in an endless loop. */
	timer_wheel_set(&bench.wheel, i, bench.now - 5);
}

static void
test_a_callback_that_sets_itself_to_now_cannot_loop(void **state)
{
	size_t count = 0;

	(void)state;
	bench_init(0);
	timer_wheel_set(&bench.wheel, 1, 0);
	bench.now = 10 * TICK;
	timer_wheel_advance(&bench.wheel, bench.now, on_rearm, &count,
	    SIZE_MAX);
	assert_in_range(count, 1, 10);
	timer_wheel_cancel(&bench.wheel, 1);
	assert_int_equal(bench.wheel.armed, 0);
}

static void
test_next_ms_is_a_safe_time_to_sleep(void **state)
{
	int round;

	(void)state;
	bench_init(UINT32_MAX - 5000);
	assert_int_equal(timer_wheel_next_ms(&bench.wheel, bench.now), -1);
	for (round = 0; round < 5000; round++) {
		uint32_t due = bench.now + next_random() % 200000;
		int64_t wait;

		arm(0, due);
		while (bench.is_set[0]) {
			wait = timer_wheel_next_ms(&bench.wheel, bench.now);
			assert_true(wait >= 0);
			assert_true((int32_t)(bench.now + (uint32_t)wait -
					due) <= (int32_t)TICK);
			bench.last = bench.now + (uint32_t)wait;
			bench.now = bench.last;
			timer_wheel_advance(&bench.wheel, bench.now, on_fire,
			    &bench, 9);
		}
		assert_int_equal(timer_wheel_next_ms(&bench.wheel, bench.now),
		    -1);
		bench.now += next_random() % 100;
	}
}

static void
test_a_long_pause_loses_nothing(void **state)
{
	uint32_t i;

	(void)state;
	bench_init(12345);
	for (i = 0; i < NODES; i++)
		arm(i, bench.now + i * 1000);
	assert_int_equal(advance(200 * 1000 + 999, SIZE_MAX), 200 + 1);
	check_nothing_is_overdue();
	assert_int_equal(advance(86400000, SIZE_MAX), NODES - 201);
	/* And an empty wheel just catches up. */
	advance(0x70000000, SIZE_MAX);
	arm(0, bench.now + 10);
	assert_int_equal(advance(10 + TICK, 9), 1);
}

static void
test_the_array_may_move(void **state)
{
	struct record *moved = malloc(sizeof(bench.records));
	uint32_t i;

	(void)state;
	assert_non_null(moved);
	bench_init(0);
	for (i = 0; i < NODES; i++)
		arm(i, 100 + i);
	memcpy(moved, bench.records, sizeof(bench.records));
	memset(bench.records, 0xaa, sizeof(bench.records));
	timer_wheel_rebase(&bench.wheel, moved, sizeof(moved[0]),
	    offsetof(struct record, node));
	assert_int_equal(advance(1000, SIZE_MAX), NODES);
	free(moved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fires_between_due_and_one_tick_later),
		cmocka_unit_test(test_spans_of_an_hour_and_more),
		cmocka_unit_test(test_random_use_against_the_model),
		cmocka_unit_test(test_a_due_time_in_the_past_fires_soon),
		cmocka_unit_test(
		    test_max_fires_leaves_the_rest_for_the_next_call),
		cmocka_unit_test(
		    test_a_callback_that_sets_itself_to_now_cannot_loop),
		cmocka_unit_test(test_next_ms_is_a_safe_time_to_sleep),
		cmocka_unit_test(test_a_long_pause_loses_nothing),
		cmocka_unit_test(test_the_array_may_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
