/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the room that the peers of a node have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/fleet/fleet_room.h"

static struct fleet_member nodes[4];
static const struct fleet_members members = { nodes, 4, 4 };

static struct fleet_room
room_for(uint64_t connections, uint64_t window_ms, double ceiling)
{
	struct fleet_room_ask ask = { "own", connections, window_ms, ceiling,
		{ 0.01, 0.1, 1 }, 4000 };

	return fleet_room_for(&members, &ask);
}

/* "own" and three like it: 1000 of 5000, at most 3000, 10 of 100 a second */
static int
setup(void **state)
{
	static const char *const names[] = { "own", "a", "b", "c" };
	size_t i;

	(void)state;
	memset(nodes, 0, sizeof(nodes));
	for (i = 0; i < 4; i++) {
		strcpy(nodes[i].id, names[i]);
		nodes[i].state = MEMBER_HEALTHY;
		nodes[i].capacity = 5000;
		nodes[i].limit = 3000;
		nodes[i].count = 1000;
		nodes[i].budget = 100;
		nodes[i].rate = 10;
	}
	return 0;
}

static void
test_yes(void **state)
{
	struct fleet_room room;

	(void)state;
	room = room_for(2700, 60000, 0);
	assert_int_equal(room.peers, 3);
	assert_int_equal(room.free, 6000);
	assert_true(room.handshakes > 269 && room.handshakes < 271);
	assert_in_range(room.back_ms, 10000, 10001);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
	/* nothing to move needs nothing */
	room = room_for(0, 0, 0);
	assert_int_equal(room.back_ms, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
}

static void
test_slowly(void **state)
{
	struct fleet_room room;
	size_t i;

	(void)state;
	room = room_for(2700, 9999, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_SLOWLY);
	/* the load balancers do less */
	room = room_for(2700, 60000, 57);
	assert_in_range(room.back_ms, 100000, 100001);
	assert_int_equal(room.absorb, FLEET_ABSORB_SLOWLY);
	/* and they do what the nodes do now, beside */
	room = room_for(2700, 60000, 60);
	assert_true(room.handshakes == 30);
	/* all are busy already: as in a storm, a tenth */
	for (i = 0; i < 4; i++)
		nodes[i].rate = 150;
	room = room_for(2700, 60000, 0);
	assert_true(room.handshakes == 30);
	assert_in_range(room.back_ms, 90000, 90001);
	assert_int_equal(room.absorb, FLEET_ABSORB_SLOWLY);
	/* one that sets itself no limit is taken for one of 5000 */
	nodes[1].budget = 0;
	room = room_for(4850, 1001, 0);
	assert_in_range(room.back_ms, 1000, 1001);
}

static void
test_no(void **state)
{
	struct fleet_room room;

	(void)state;
	room = room_for(6001, 600000, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_NO);
	/* it holds more than its limit has become */
	nodes[1].limit = 500;
	nodes[1].count = 2000;
	room = room_for(1, 600000, 0);
	assert_int_equal(room.free, 4000);
	/* none was published */
	nodes[1].limit = 0;
	room = room_for(1, 600000, 0);
	assert_int_equal(room.free, 7000);
}

/* The others may hold more when it is gone. */
static void
test_without_the_node(void **state)
{
	struct fleet_room room;
	size_t i;

	(void)state;
	/* 4000 and a tenth over four; over three it will be 1467 */
	for (i = 0; i < 4; i++)
		nodes[i].limit = 1100;
	room = room_for(1000, 600000, 0);
	assert_int_equal(room.free, 3 * 467);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
	/* it drains already */
	nodes[0].state = MEMBER_DRAINING;
	assert_int_equal(room_for(1000, 600000, 0).free, 3 * 467);
	nodes[3].capacity = 1200;
	assert_int_equal(room_for(1000, 600000, 0).free, 200 + 2 * 600);
}

static void
test_peers(void **state)
{
	struct fleet_room room;

	(void)state;
	nodes[1].state = MEMBER_DRAINING;
	nodes[2].state = MEMBER_SUSPECT;
	room = room_for(1000, 600000, 0);
	assert_int_equal(room.peers, 1);
	/* all 4000 and a tenth are for that one */
	assert_int_equal(room.free, 3400);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
	nodes[3].state = MEMBER_DEAD;
	room = room_for(1, 600000, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_ALONE);
	assert_string_equal(fleet_absorb_name(room.absorb), "alone");
	assert_string_equal(fleet_absorb_name(FLEET_ABSORB_MAX), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_yes, setup),
		cmocka_unit_test_setup(test_slowly, setup),
		cmocka_unit_test_setup(test_no, setup),
		cmocka_unit_test_setup(test_without_the_node, setup),
		cmocka_unit_test_setup(test_peers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
