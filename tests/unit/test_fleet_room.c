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
	room = fleet_room_for(&members, "own", 2700, 60000, 0);
	assert_int_equal(room.peers, 3);
	assert_int_equal(room.free, 6000);
	assert_true(room.handshakes > 269 && room.handshakes < 271);
	assert_in_range(room.back_ms, 10000, 10001);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
	/* nothing to move needs nothing */
	room = fleet_room_for(&members, "own", 0, 0, 0);
	assert_int_equal(room.back_ms, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
}

static void
test_slowly(void **state)
{
	struct fleet_room room;
	size_t i;

	(void)state;
	room = fleet_room_for(&members, "own", 2700, 9999, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_SLOWLY);
	/* the load balancers do less */
	room = fleet_room_for(&members, "own", 2700, 60000, 27);
	assert_in_range(room.back_ms, 100000, 100001);
	assert_int_equal(room.absorb, FLEET_ABSORB_SLOWLY);
	/* all are busy already */
	for (i = 0; i < 4; i++)
		nodes[i].rate = 150;
	room = fleet_room_for(&members, "own", 1, UINT64_MAX - 1, 0);
	assert_true(room.back_ms == UINT64_MAX);
	assert_int_equal(room.absorb, FLEET_ABSORB_SLOWLY);
	/* one that sets itself no limit is taken for one of 5000 */
	nodes[1].budget = 0;
	room = fleet_room_for(&members, "own", 4850, 1001, 0);
	assert_in_range(room.back_ms, 1000, 1001);
}

static void
test_no(void **state)
{
	struct fleet_room room;

	(void)state;
	room = fleet_room_for(&members, "own", 6001, 600000, 0);
	assert_int_equal(room.absorb, FLEET_ABSORB_NO);
	/* the limit has fallen below what it holds */
	nodes[1].limit = 500;
	room = fleet_room_for(&members, "own", 1, 600000, 0);
	assert_int_equal(room.free, 4000);
	/* none was published */
	nodes[1].limit = 0;
	room = fleet_room_for(&members, "own", 1, 600000, 0);
	assert_int_equal(room.free, 8000);
}

static void
test_peers(void **state)
{
	struct fleet_room room;

	(void)state;
	nodes[1].state = MEMBER_DRAINING;
	nodes[2].state = MEMBER_SUSPECT;
	room = fleet_room_for(&members, "own", 1000, 600000, 0);
	assert_int_equal(room.peers, 1);
	assert_int_equal(room.free, 2000);
	assert_int_equal(room.absorb, FLEET_ABSORB_YES);
	nodes[3].state = MEMBER_DEAD;
	room = fleet_room_for(&members, "own", 1, 600000, 0);
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
		cmocka_unit_test_setup(test_peers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
