/* SPDX-License-Identifier: ISC */
/*
 * What the leader makes of a reading: limits while nodes drain, are missing or
 * come back, while Redis is new, and from one leader to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/fleet/fleet_limits.h"

#define NODES_MAX 110
#define HOUR_MS	  3600000u
/* Of Redis, whose clock is another one. */
#define AHEAD_MS 1700000000000ull

static struct fleet_member nodes[NODES_MAX];
static struct fleet_members members = { nodes, 0, NODES_MAX };
static struct fleet_limits limits;
static struct fleet_limits_turn turn;

static void
begin(size_t count, uint64_t capacity, uint64_t held)
{
	size_t i;

	memset(nodes, 0, sizeof(nodes));
	memset(&limits, 0, sizeof(limits));
	members.count = count;
	for (i = 0; i < count; i++) {
		nodes[i].state = nodes[i].said = MEMBER_HEALTHY;
		nodes[i].capacity = capacity;
		nodes[i].count = held;
		nodes[i].beat_ms = AHEAD_MS;
	}
	turn = (struct fleet_limits_turn){
		.rules = { 0.01, 0.1, 1 },
		.half_life_ms = HOUR_MS,
		.is_settled = true,
		.redis_ms = AHEAD_MS,
	};
	fleet_limits_begin(&limits, 0, UINT64_MAX, 0);
}

static void
publish(void)
{
	(void)fleet_limits_set(&limits, &members, &turn);
}

/* Nodes before `end` take what they may, of so many clients; how many found no
 * place. */
static uint64_t
admit(size_t end, uint64_t clients)
{
	size_t i;

	for (i = 0; i < end; i++) {
		uint64_t room = nodes[i].limit > nodes[i].count ?
		    nodes[i].limit - nodes[i].count :
		    0;
		uint64_t some = clients < room ? clients : room;

		nodes[i].count += some;
		clients -= some;
	}
	return clients;
}

static void
test_a_node_drains(void **state)
{
	(void)state;
	begin(3, 100000, 10000);
	publish();
	assert_int_equal(limits.level, 11000);
	nodes[2].state = MEMBER_DRAINING;
	assert_int_equal(fleet_limits_set(&limits, &members, &turn), 3);
	assert_int_equal(limits.held, 30000);
	assert_int_equal(limits.level, 16500);
	/* What hangs on it can be lost until it is empty. */
	nodes[2].count = 20000;
	nodes[0].count = nodes[1].count = 5000;
	publish();
	assert_true(limits.effective == 20000.0 / 30000);
	nodes[2].count = 0;
	assert_int_equal(admit(2, 20000), 0);
	publish();
	assert_int_equal(limits.held, 30000);
}

/* While a drain waits the node admits, and there may be no other. */
static void
test_only_who_drains_has_room(void **state)
{
	(void)state;
	begin(3, 1000, 1000);
	nodes[2].state = MEMBER_DRAINING;
	nodes[2].capacity = 100000;
	nodes[2].count = 8000;
	publish();
	assert_int_equal(nodes[0].limit, 1000);
	assert_int_equal(nodes[2].limit, 9000);
	members.count = 1;
	nodes[0].state = MEMBER_DRAINING;
	publish();
	assert_true(nodes[0].limit == 1000);
}

/* Held back for good, since nobody may be declared dead. */
static void
test_half_are_missing(void **state)
{
	uint64_t held;
	size_t i;

	(void)state;
	begin(110, 100000, 10000);
	publish();
	held = limits.held;
	assert_int_equal(limits.level, 11000);
	for (i = 55; i < 110; i++)
		nodes[i].state = MEMBER_SUSPECT;
	publish();
	assert_int_equal(limits.level, 22000);
	assert_int_equal(admit(55, 550000), 0);
	publish();
	/* Those who came back are not there twice. */
	assert_int_equal(limits.held, held);
	assert_int_equal(fleet_limits_set(&limits, &members, &turn), 110);
}

/* One without a peer port stays suspect until somebody forgets it. */
static void
test_a_mute_one_is_gone(void **state)
{
	(void)state;
	begin(3, 100000, 10000);
	nodes[2].state = MEMBER_SUSPECT;
	nodes[2].count = 25000;
	publish();
	assert_int_equal(limits.held, 20000);
	assert_int_equal(limits.level, 11000);
	assert_true(limits.effective == 1);
	nodes[2].count = 15000;
	publish();
	assert_true(limits.effective == 0.75);
}

/* A node goes by its own floor, and by the limit before as long as it has not
 * heard of the next. */
static void
test_what_nodes_go_by(void **state)
{
	(void)state;
	begin(10, 100000, 1000);
	nodes[3].bound = 1200;
	nodes[4].bound = 1050;
	publish();
	assert_int_equal(nodes[0].limit, 1100);
	assert_int_equal(nodes[3].limit, 1200);
	assert_int_equal(nodes[4].limit, 1050);
	assert_true(limits.effective == 0.12);
	nodes[3].bound = 1100;
	publish();
	assert_true(limits.effective == 0.11);
	nodes[3].bound = 1200;
	nodes[3].state = MEMBER_SUSPECT;
	publish();
	assert_true(limits.effective < 0.13 && limits.effective > 0.12);
	assert_int_equal(limits.level, 1223);
}

/* All leases are late when Redis comes back, or its clock has been set. */
static void
test_late_together(void **state)
{
	size_t i;

	(void)state;
	begin(10, 100000, 1000);
	publish();
	assert_int_equal(limits.level, 1100);
	turn.is_settled = false;
	for (i = 1; i < 10; i++)
		nodes[i].state = MEMBER_SUSPECT;
	publish();
	assert_int_equal(limits.level, 1100);
	assert_int_equal(limits.held, 10000);
	assert_true(limits.effective == 0.11);
	/* Half an hour later a little less, and all of it again at once. */
	turn.now_ms += HOUR_MS / 2;
	turn.redis_ms += HOUR_MS / 2;
	publish();
	assert_true(limits.level < 1100);
	for (i = 1; i < 10; i++)
		nodes[i].state = MEMBER_HEALTHY;
	publish();
	assert_int_equal(limits.level, 1100);
}

/* The next leader reads what few have written since. */
static void
test_redis_was_flushed(void **state)
{
	(void)state;
	begin(10, 100000, 1000);
	publish();
	fleet_limits_begin(&limits, 10000, 1100, 0);
	turn.is_settled = false;
	members.count = 2;
	publish();
	assert_int_equal(limits.held, 10000);
	assert_int_equal(limits.level, 1100);
	members.count = 10;
	publish();
	assert_int_equal(limits.level, 1100);
	turn.is_settled = true;
	nodes[9].state = MEMBER_SUSPECT;
	publish();
	assert_int_equal(limits.level, 1223);
	/* Who knew nothing is not bound by it. */
	fleet_limits_begin(&limits, 0, UINT64_MAX, 0);
	turn.is_settled = false;
	members.count = 2;
	publish();
	assert_int_equal(limits.level, 1100);
	members.count = 1;
	publish();
	assert_int_equal(limits.level, 2200);
}

static void
test_copies_outlive_redis(void **state)
{
	(void)state;
	begin(4, 100000, 100);
	nodes[1].held = 5000;
	publish();
	assert_int_equal(limits.held, 5000);
	/* Taken once in a term. */
	nodes[1].held = 9000;
	publish();
	assert_int_equal(limits.held, 5000);
}

/* What a node knew an hour ago has become half of it, and what one knew that is
 * gone is of no use. */
static void
test_copies_do_not_lift_the_water(void **state)
{
	int term;

	(void)state;
	begin(4, 100000, 100);
	nodes[2].said = nodes[2].state = MEMBER_DEAD;
	nodes[2].held = 100000;
	nodes[3].said = nodes[3].state = MEMBER_LEFT;
	nodes[3].held = 100000;
	nodes[1].held = 4000;
	for (term = 0; term < 3; term++) {
		fleet_limits_begin(&limits, limits.held, UINT64_MAX,
		    turn.now_ms);
		publish();
		assert_int_equal(limits.held, 4000 >> term);
		/* Silent since. */
		nodes[1].state = MEMBER_SUSPECT;
		turn.now_ms += HOUR_MS;
		turn.redis_ms += HOUR_MS;
		publish();
	}
}

static uint64_t seed;

static uint64_t
rnd(uint64_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % below;
}

static bool
takes(const struct fleet_member *node)
{
	return node->state == MEMBER_HEALTHY || node->state == MEMBER_JOINING;
}

/* The node that takes one more and holds the fewest. */
static struct fleet_member *
place(void)
{
	struct fleet_member *best = NULL;
	size_t i;

	for (i = 0; i < members.count; i++) {
		struct fleet_member *node = &nodes[i];

		if (takes(node) && node->count < node->limit &&
		    (best == NULL || node->count < best->count))
			best = node;
	}
	return best;
}

static uint64_t
room(void)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < members.count; i++) {
		if (takes(&nodes[i]))
			all += nodes[i].capacity - nodes[i].count;
	}
	return all;
}

static void
check_published(void)
{
	size_t i;

	/* All of so few may be on one. */
	if (limits.held == 0 || limits.effective == 1)
		return;
	for (i = 0; i < members.count; i++) {
		if (member_state_counts(nodes[i].state))
			assert_true((double)nodes[i].count <=
			    limits.effective * (double)limits.held + 1e-6);
	}
}

/* Each finds a place at once, or when the leader has looked again. */
static void
bring(uint64_t clients)
{
	while (clients-- > 0) {
		struct fleet_member *node = place();

		if (node == NULL) {
			publish();
			node = place();
		}
		assert_non_null(node);
		node->count++;
		check_published();
	}
}

/* Some drain, some are missing, some come back; how many lost their place. */
static uint64_t
shuffle(void)
{
	uint64_t out = 0;
	size_t i;

	for (i = 0; i < members.count; i++) {
		struct fleet_member *node = &nodes[i];

		switch (rnd(6)) {
		case 0:
			node->state = MEMBER_SUSPECT; /* its count stays */
			out += node->count;
			break;
		case 1:
			node->state = MEMBER_DRAINING;
			out += node->count / 2;
			node->count -= node->count / 2;
			break;
		case 2:
			node->state = MEMBER_JOINING;
			break;
		default:
			if (node->state == MEMBER_SUSPECT)
				node->count = 0;
			node->state = MEMBER_HEALTHY;
		}
	}
	return out;
}

/* Whatever the rules and whoever admits: nobody is turned away while somebody
 * has room, and nobody holds more than was published. */
static void
test_any_fleet(void **state)
{
	int fleet, round;

	(void)state;
	for (fleet = 0; fleet < 200; fleet++) {
		size_t i;

		seed = 11 + (uint64_t)fleet;
		begin(1 + rnd(30), 0, 0);
		turn.rules.fraction = (double)(1 + rnd(80)) / 1000;
		turn.rules.slack = (double)(1 + rnd(1000)) / 1000;
		turn.rules.floor = 1 + rnd(10);
		for (i = 0; i < members.count; i++)
			nodes[i].capacity = 1 + rnd(400);
		publish();
		for (round = 0; round < 10; round++) {
			uint64_t out = shuffle() + rnd(300);

			publish();
			check_published();
			bring(out < room() ? out : room());
			turn.now_ms += rnd(3) * 100000;
			publish();
			check_published();
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_node_drains),
		cmocka_unit_test(test_only_who_drains_has_room),
		cmocka_unit_test(test_half_are_missing),
		cmocka_unit_test(test_a_mute_one_is_gone),
		cmocka_unit_test(test_what_nodes_go_by),
		cmocka_unit_test(test_late_together),
		cmocka_unit_test(test_redis_was_flushed),
		cmocka_unit_test(test_copies_outlive_redis),
		cmocka_unit_test(test_copies_do_not_lift_the_water),
		cmocka_unit_test(test_any_fleet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
