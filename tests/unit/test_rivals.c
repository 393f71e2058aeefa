/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the rule that the newest connection of a client id wins, across
 * slots: by report, by walk, and when a gateway talks nonsense.
 */
#include "worker/relay/rivals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/relay_help.h"

static void
report(struct relay_help *help, uint32_t slot, const char *id, size_t len)
{
	struct ring_route route;
	struct ring_part parts[2];

	memset(&route, 0, sizeof(route));
	parts[0] = (struct ring_part){ &route, sizeof(route) };
	parts[1] = (struct ring_part){ id, len };
	assert_int_equal(ring_put(&help->gateways[slot].up, RING_CONNECTED,
			     parts, 2, NULL),
	    0);
	ring_wake(&help->gateways[slot].up);
	relay_help_turn(help);
}

static void
expect_kick(struct relay_help *help, uint32_t slot, uint32_t rec)
{
	struct help_gateway *gateway = &help->gateways[slot];
	struct ring_kick head;
	char rest[64];

	assert_int_equal(relay_help_take(gateway, &head, sizeof(head), rest,
			     sizeof(rest)),
	    RING_KICK);
	assert_int_equal(head.rec, rec);
	assert_int_equal(head.gen, gateway->table.records[rec].body.gen);
	assert_int_equal(head.code, 4001);
	assert_int_equal(head.token, 0);
}

static void
expect_nothing(struct relay_help *help)
{
	struct ring_entry entry;
	uint32_t slot;

	for (slot = 0; slot < HELP_GATEWAYS; slot++)
		assert_int_equal(ring_peek(&help->gateways[slot].down, &entry),
		    0);
}

static void
test_report(void **state)
{
	struct relay_help *help = *state;
	struct record_view view;
	uint32_t old, slot;

	old = open_one(&help->gateways[1].table, "alice", 10);
	report(help, 1, "alice", 5);
	expect_nothing(help);
	open_one(&help->gateways[0].table, "alice", 11);
	assert_int_equal(shards_find(&help->relay.shards, "alice", 5, &slot,
			     &view),
	    0);
	assert_int_equal(slot, 0);
	report(help, 0, "alice", 5);
	expect_kick(help, 1, old);
	expect_nothing(help);
}

/* Accepted in the same microsecond: the higher slot keeps it. */
static void
test_tie(void **state)
{
	struct relay_help *help = *state;
	struct record_view view;
	uint32_t rec, slot;

	rec = open_one(&help->gateways[0].table, "alice", 10);
	open_one(&help->gateways[1].table, "alice", 10);
	assert_int_equal(shards_find(&help->relay.shards, "alice", 5, &slot,
			     &view),
	    0);
	assert_int_equal(slot, 1);
	report(help, 0, "alice", 5);
	expect_kick(help, 0, rec);
	expect_nothing(help);
}

static void
test_walk(void **state)
{
	struct relay_help *help = *state;
	uint32_t rec[40];
	char id[32];
	unsigned i;

	for (i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "client-%u", i);
		rec[i] = open_one(&help->gateways[0].table, id, 10);
		if (i % 4 == 0)
			open_one(&help->gateways[1].table, id, 20);
	}
	/* a gateway could not put its reports */
	atomic_fetch_add(&help->gateways[1].table.header->resync_wanted, 1);
	rivals_poll(&help->relay.rivals);
	relay_help_turn(help);
	for (i = 0; i < 40; i += 4)
		expect_kick(help, 0, rec[i]);
	expect_nothing(help);
	/* told once: the next poll does nothing */
	rivals_poll(&help->relay.rivals);
	relay_help_turn(help);
	expect_nothing(help);
	atomic_fetch_add(&help->gateways[1].table.header->resync_wanted, 1);
	rivals_poll(&help->relay.rivals);
	relay_help_turn(help);
	expect_kick(help, 0, rec[0]);
}

/* The loser's ring is full: it is found again once there is room. */
static void
test_full_ring(void **state)
{
	static const char fill[2000];
	struct relay_help *help = *state;
	struct ring_part part = { fill, sizeof(fill) };
	uint32_t rec, i;

	rec = open_one(&help->gateways[0].table, "alice", 10);
	open_one(&help->gateways[1].table, "alice", 20);
	while (shards_put(&help->relay.shards, 0, RING_DELIVER, &part, 1) == 0)
		;
	part.len = 1;
	while (shards_put(&help->relay.shards, 0, RING_DELIVER, &part, 1) == 0)
		;
	report(help, 1, "alice", 5);
	ring_skip_all(&help->gateways[0].down);
	for (i = 0; i < 20; i++)
		relay_help_turn(help);
	expect_kick(help, 0, rec);
	expect_nothing(help);
}

static void
test_nonsense(void **state)
{
	static const char junk[200];
	struct relay_help *help = *state;
	struct ring_part part = { junk, 0 };
	uint32_t rec;

	rec = open_one(&help->gateways[0].table, "alice", 10);
	open_one(&help->gateways[1].table, "alice", 20);
	for (int kind = 0; kind < RING_KIND_MAX + 2; kind++) {
		for (part.len = 0; part.len < sizeof(junk); part.len += 45)
			assert_int_equal(ring_put(&help->gateways[0].up,
					     (uint16_t)kind, &part, 1, NULL),
			    0);
	}
	report(help, 0, "al\nce", 5);
	expect_nothing(help);
	report(help, 0, "alice", 5);
	expect_kick(help, 0, rec);
}

/* Positions that cannot be: skipped and counted, and the tables are read. */
static void
test_broken_ring(void **state)
{
	static const uint64_t beyond = UINT64_MAX / 2;
	struct relay_help *help = *state;
	struct ring *up = &help->gateways[0].up;
	uint32_t rec;

	rec = open_one(&help->gateways[0].table, "alice", 10);
	open_one(&help->gateways[1].table, "alice", 20);
	/* the head, behind magic, layout and size */
	assert_int_equal(pwrite(help->gateways[0].fds[3], &beyond,
			     sizeof(beyond), 64),
	    sizeof(beyond));
	(void)eventfd_write(up->event_fd, 1);
	relay_help_turn(help);
	expect_kick(help, 0, rec);
	assert_int_equal(counter_get(relay_counters(&help->relay),
			     COUNTER_RINGS_BROKEN),
	    1);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, relay_help_setup,                   \
	    relay_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_report),
		CASE(test_tie),
		CASE(test_walk),
		CASE(test_full_ring),
		CASE(test_nonsense),
		CASE(test_broken_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
