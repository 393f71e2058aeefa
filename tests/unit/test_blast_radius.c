/* SPDX-License-Identifier: ISC */
/*
 * Limits of the blast radius: what they come to for fleets that one can check
 * by hand, and what must hold for any: a fleet can always take one more while a
 * node has room, and no node may hold more than was published.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/fleet/blast_radius.h"

#define NODES_MAX 128

static const struct blast_rules usual = { 0.01, 0.10, 1000 };
static const struct blast_rules strict = { 0.01, 0.10, 1 };
static const struct blast_rules wide = { 0.025, 0.10, 1 };

/* Repeatable, so that a failure can be looked at. */
static uint64_t seed;

static uint64_t
rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

struct fleet {
	size_t count;
	uint64_t capacity[NODES_MAX];
	uint64_t held[NODES_MAX]; /* connections on each */
	uint64_t limit[NODES_MAX];
	struct high_water water;
};

static uint64_t
sum(const uint64_t *values, size_t count)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < count; i++)
		all += values[i];
	return all;
}

/* What a leader does once a second, all nodes following. */
static uint64_t
publish(struct fleet *fleet, const struct blast_rules *rules, uint64_t now_ms)
{
	uint64_t total = sum(fleet->held, fleet->count);
	uint64_t held = high_water_note(&fleet->water, total, now_ms, 3600000);
	uint64_t level = blast_radius_level(fleet->capacity, fleet->count,
	    blast_radius_wanted(rules, held));
	size_t i;

	for (i = 0; i < fleet->count; i++)
		fleet->limit[i] = blast_radius_limit(rules, fleet->capacity[i],
		    held, level);
	return held;
}

/* One client finds the node with the fewest connections that takes it. */
static int
place(struct fleet *fleet)
{
	size_t i, best = NODES_MAX;

	for (i = 0; i < fleet->count; i++) {
		if (fleet->held[i] >= fleet->limit[i])
			continue;
		if (best == NODES_MAX || fleet->held[i] < fleet->held[best])
			best = i;
	}
	if (best == NODES_MAX)
		return 0;
	fleet->held[best]++;
	return 1;
}

/* One who is refused comes back after the leader has looked again. */
static int
place_or_retry(struct fleet *fleet, uint64_t now_ms)
{
	if (place(fleet))
		return 1;
	(void)publish(fleet, &strict, now_ms);
	return place(fleet);
}

static void
test_nodes_missing(void **state)
{
	struct blast_rules rules = usual;
	uint64_t capacity[NODES_MAX];
	size_t i;

	(void)state;
	assert_int_equal(blast_radius_nodes_missing(&usual, NULL, 0, 0), 110);
	assert_int_equal(blast_radius_nodes_missing(&usual, NULL, 0, 1000000),
	    110);
	for (i = 0; i < NODES_MAX; i++)
		capacity[i] = 50000;
	assert_int_equal(blast_radius_nodes_missing(&usual, capacity, 3, 0),
	    107);
	assert_int_equal(blast_radius_nodes_missing(&usual, capacity, 110,
			     5000000),
	    0);
	assert_int_equal(blast_radius_nodes_missing(&usual, capacity, 128,
			     5000000),
	    0);
	/* Twice as many connections: each of these does half of a share. */
	assert_int_equal(blast_radius_nodes_missing(&usual, capacity, 110,
			     10000000),
	    55);
	for (i = 10; i < NODES_MAX; i++)
		capacity[i] = 1000;
	assert_int_equal(blast_radius_nodes_missing(&usual, capacity, 110,
			     5000000),
	    98);
	rules.fraction = 0.5;
	assert_int_equal(blast_radius_nodes_missing(&rules, NULL, 0, 7), 3);
	rules.slack = 0.2;
	rules.fraction = 0.02;
	assert_int_equal(blast_radius_nodes_missing(&rules, NULL, 0, 7), 60);
	rules.fraction = 0;
	assert_true(
	    blast_radius_nodes_missing(&rules, NULL, 0, 7) == UINT64_MAX);
}

/* With so many more of any size that does, and not with one less. */
static void
test_missing_nodes_do(void **state)
{
	uint64_t capacity[NODES_MAX], limit[NODES_MAX], none[NODES_MAX] = { 0 };
	uint64_t held, level;
	size_t i, n, more, tried = 0;
	int turn;

	(void)state;
	for (turn = 0; turn < 1000; turn++) {
		seed = 3 + (uint64_t)turn;
		/* Not to be off by a rounded connection. */
		held = 100000000 + rnd(100000000);
		n = rnd(60);
		for (i = 0; i < n; i++)
			capacity[i] = rnd(4000000);
		more = blast_radius_nodes_missing(&wide, capacity, n, held);
		if (more == 0)
			continue;
		assert_in_range(n + more, 1, NODES_MAX);
		tried++;
		for (i = n; i < n + more; i++)
			capacity[i] = held;
		for (i = n + more - 1; i <= n + more; i++) {
			size_t k;

			level = blast_radius_level(capacity, i,
			    blast_radius_wanted(&wide, held));
			for (k = 0; k < i; k++)
				limit[k] = blast_radius_limit(&wide,
				    capacity[k], held, level);
			assert_int_equal(blast_radius_effective(limit, none, i,
					     held) <= wide.fraction + 1e-7,
			    i == n + more);
		}
	}
	assert_true(tried > 500);
}

/* So many of these nodes are not enough while each may hold the floor. */
static void
test_held_needed(void **state)
{
	struct blast_rules rules = usual;
	uint64_t held;

	(void)state;
	rules.floor = 1000;
	held = blast_radius_held_needed(&rules);
	assert_int_equal(held, 100000);
	assert_int_equal(blast_radius_limit(&rules, 5000, held, 0), 1000);
	assert_int_equal(blast_radius_limit(&rules, 5000, held + 100, 0), 1001);
	rules.floor = 0;
	assert_int_equal(blast_radius_held_needed(&rules), 0);
	rules.fraction = 0;
	assert_true(blast_radius_held_needed(&rules) == UINT64_MAX);
}

/* Ten million on 110 equal nodes: 1 % each, no more. */
static void
test_the_promise(void **state)
{
	uint64_t capacity[110], limit[110], count[110] = { 0 };
	uint64_t held = 10000000, level;
	size_t i;

	(void)state;
	for (i = 0; i < 110; i++)
		capacity[i] = 200000;
	level = blast_radius_level(capacity, 110,
	    blast_radius_wanted(&usual, held));
	assert_int_equal(level, 100000);
	for (i = 0; i < 110; i++) {
		limit[i] = blast_radius_limit(&usual, capacity[i], held, level);
		assert_int_equal(limit[i], 100000);
	}
	assert_true(blast_radius_effective(limit, count, 110, held) <= 0.01);
	/* One fewer cannot keep it, and says so. */
	level = blast_radius_level(capacity, 109,
	    blast_radius_wanted(&usual, held));
	limit[0] = blast_radius_limit(&usual, capacity[0], held, level);
	assert_true(blast_radius_effective(limit, count, 1, held) > 0.01);
}

static void
test_water_filling(void **state)
{
	static const uint64_t capacity[] = { 10, 100, 1000 };

	(void)state;
	assert_int_equal(blast_radius_level(capacity, 3, 0), 0);
	assert_int_equal(blast_radius_level(capacity, 3, 3), 1);
	assert_int_equal(blast_radius_level(capacity, 3, 30), 10);
	assert_int_equal(blast_radius_level(capacity, 3, 31), 11);
	assert_int_equal(blast_radius_level(capacity, 3, 210), 100);
	assert_int_equal(blast_radius_level(capacity, 3, 211), 101);
	assert_int_equal(blast_radius_level(capacity, 3, 1110), 1000);
	/* Too small, all of them together: everything they have. */
	assert_int_equal(blast_radius_level(capacity, 3, 1111), 1000);
	assert_int_equal(blast_radius_level(capacity, 0, 5), 0);
}

static void
test_smallest_level(void **state)
{
	uint64_t capacity[NODES_MAX];
	int turn;

	(void)state;
	for (turn = 0; turn < 500; turn++) {
		size_t i, n;
		uint64_t all, wanted, level, got = 0, less = 0;

		seed = (uint64_t)turn;
		n = 1 + rnd(NODES_MAX);
		for (i = 0; i < n; i++)
			capacity[i] = rnd(5) == 0 ? 0 : rnd(100000);
		all = sum(capacity, n);
		wanted = rnd(all + 1);
		level = blast_radius_level(capacity, n, wanted);
		for (i = 0; i < n; i++) {
			got += capacity[i] < level ? capacity[i] : level;
			if (level > 0)
				less += capacity[i] < level - 1 ? capacity[i] :
								  level - 1;
		}
		assert_true(got >= wanted);
		assert_true(level == 0 || less < wanted);
	}
}

/* From nothing to all that fits, with any capacities: never a client turned
 * away while a node has room. */
static void
test_grows_and_never_deadlocks(void **state)
{
	int turn;

	(void)state;
	for (turn = 0; turn < 60; turn++) {
		struct fleet fleet = { 0 };
		uint64_t now = 1000, all, placed = 0;
		size_t i;

		seed = 77 + (uint64_t)turn;
		fleet.count = 1 + rnd(20);
		for (i = 0; i < fleet.count; i++)
			fleet.capacity[i] = 1 + rnd(turn % 2 ? 10 : 500);
		all = sum(fleet.capacity, fleet.count);
		high_water_init(&fleet.water, 0, now);
		for (placed = 0; placed < all; placed++) {
			(void)publish(&fleet, &strict, now);
			assert_true(place(&fleet));
			now += rnd(3) * 1000;
		}
		assert_int_equal(sum(fleet.held, fleet.count), all);
		(void)publish(&fleet, &strict, now);
		assert_false(place(&fleet));
	}
}

/* Between two looks of the leader a fleet takes its slack, at least. */
static void
test_slack_is_there_at_once(void **state)
{
	struct fleet fleet = { .count = 20 };
	size_t i;
	int placed = 0;

	(void)state;
	for (i = 0; i < 20; i++) {
		fleet.capacity[i] = 1000;
		fleet.held[i] = 100;
	}
	high_water_init(&fleet.water, 0, 0);
	(void)publish(&fleet, &strict, 1000);
	while (place(&fleet))
		placed++;
	assert_int_equal(placed, 200);
}

static void
test_half_of_the_nodes_vanish(void **state)
{
	int turn;

	(void)state;
	for (turn = 0; turn < 20; turn++) {
		struct fleet fleet = { .count = 40 };
		uint64_t now = 1000, all;
		size_t i, lost = 0;

		seed = 5 + (uint64_t)turn;
		for (i = 0; i < 40; i++)
			fleet.capacity[i] = 500 + rnd(500);
		high_water_init(&fleet.water, 0, now);
		for (i = 0; i < 4000; i++)
			assert_true(place_or_retry(&fleet, now));
		(void)publish(&fleet, &strict, now);
		for (i = 20; i < 40; i++)
			lost += fleet.held[i];
		fleet.count = 20;
		/* The clients come back at once, and minutes later. */
		now += turn % 2 ? 1000 : 300000;
		(void)publish(&fleet, &strict, now);
		for (i = 0; i < lost; i++)
			assert_true(place(&fleet));
		all = sum(fleet.held, 20);
		assert_int_equal(all, 4000);
	}
}

/* A node that appears lowers the limits of the others, below what they hold
 * even: no limit says "close". */
static void
test_what_was_published_holds(void **state)
{
	struct fleet fleet = { .count = 10 };
	uint64_t held;
	double effective;
	size_t i;

	(void)state;
	for (i = 0; i < 10; i++)
		fleet.capacity[i] = 1000;
	high_water_init(&fleet.water, 0, 0);
	for (i = 0; i < 1000; i++)
		assert_true(place_or_retry(&fleet, 0));
	fleet.count = 20;
	for (i = 10; i < 20; i++)
		fleet.capacity[i] = 1000;
	held = publish(&fleet, &strict, 1000);
	effective = blast_radius_effective(fleet.limit, fleet.held, 20, held);
	assert_true(fleet.held[0] > fleet.limit[0]);
	assert_true((double)fleet.held[0] <= effective * (double)held);
}

static void
test_effective(void **state)
{
	static const uint64_t limits[] = { 10, 20 }, counts[] = { 15, 0 };

	(void)state;
	assert_true(blast_radius_effective(limits, counts, 2, 0) == 0);
	assert_true(blast_radius_effective(limits, counts, 2, 100) == 0.2);
	assert_true(blast_radius_effective(limits, counts, 1, 100) == 0.15);
	assert_true(blast_radius_effective(limits, counts, 2, 5) == 1);
	assert_true(blast_radius_effective(limits, counts, 0, 5) == 0);
}

static void
test_high_water(void **state)
{
	struct high_water water;

	(void)state;
	high_water_init(&water, 500, 1000);
	assert_int_equal(high_water_note(&water, 1000, 1000, 3600000), 1000);
	assert_int_equal(high_water_note(&water, 0, 3601000, 3600000), 500);
	assert_int_equal(high_water_note(&water, 0, 7201000, 3600000), 250);
	/* A clock that goes back takes nothing away, nor does it later count
	 * the same time twice. */
	assert_int_equal(high_water_note(&water, 0, 1000, 3600000), 250);
	assert_int_equal(high_water_note(&water, 0, 7201000, 3600000), 250);
	assert_int_equal(high_water_note(&water, 251, 10801000, 3600000), 251);
	assert_int_equal(high_water_note(&water, 0, UINT64_MAX, 0), 251);
	assert_int_equal(high_water_note(&water, 0, UINT64_MAX, 1), 251);
}

static void
test_extremes(void **state)
{
	uint64_t capacity[2] = { UINT64_MAX, UINT64_MAX };
	struct blast_rules rules = { 1, 0.1, 0 };

	(void)state;
	assert_int_equal(blast_radius_level(capacity, 2, UINT64_MAX),
	    UINT64_MAX / 2 + 1);
	assert_int_equal(blast_radius_wanted(&usual, 0), 1);
	assert_int_equal(blast_radius_wanted(&usual, 1), 2);
	assert_int_equal(blast_radius_wanted(&usual, 100), 110);
	assert_int_equal(blast_radius_limit(&rules, 5, 0, 0), 0);
	assert_int_equal(blast_radius_limit(&usual, 0, 1000000, 9), 0);
	assert_int_equal(blast_radius_limit(&usual, 5000, 0, 0), 1000);
	/* The fraction of 1,000 is not 9 because of a binary fraction. */
	rules.fraction = 0.01;
	assert_int_equal(blast_radius_limit(&rules, 5000, 2900, 0), 29);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes_missing),
		cmocka_unit_test(test_missing_nodes_do),
		cmocka_unit_test(test_held_needed),
		cmocka_unit_test(test_the_promise),
		cmocka_unit_test(test_water_filling),
		cmocka_unit_test(test_smallest_level),
		cmocka_unit_test(test_grows_and_never_deadlocks),
		cmocka_unit_test(test_slack_is_there_at_once),
		cmocka_unit_test(test_half_of_the_nodes_vanish),
		cmocka_unit_test(test_what_was_published_holds),
		cmocka_unit_test(test_effective),
		cmocka_unit_test(test_high_water),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
