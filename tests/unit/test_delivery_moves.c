/* SPDX-License-Identifier: ISC */
/*
 * Messages whose connection has ended before they came: they go to the next one
 * of their client.
 */
#include "worker/relay/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/relay_help.h"

/* The message that a gateway finds; its token. */
static uint64_t
expect_message(struct relay_help *help, uint32_t slot, uint32_t rec,
    const char *text)
{
	struct ring_deliver head;
	char rest[256];

	assert_int_equal(relay_help_take(&help->gateways[slot], &head,
			     sizeof(head), rest, sizeof(rest)),
	    RING_DELIVER);
	assert_int_equal(head.rec, rec);
	assert_int_equal(head.opcode, 1);
	assert_string_equal(rest, text);
	assert_int_not_equal(head.token, 0);
	return head.token;
}

static uint64_t
counted(struct relay_help *help, enum counter counter)
{
	return counter_get(relay_counters(&help->relay), counter);
}

static enum delivery_status
send_kept(struct relay_help *help, const char *id, const char *text,
    struct help_outcome *outcome)
{
	struct delivery_order order = { relay_help_done, outcome, 7, 0 };
	struct delivery *delivery = &help->relay.delivery;
	struct shard_target target;

	memset(outcome, 0, sizeof(*outcome));
	assert_int_equal(delivery_find(delivery, id, strlen(id), &target),
	    DELIVERY_PENDING);
	return delivery_send_kept_to(delivery, &target, id, strlen(id), text,
	    strlen(text), &order);
}

/* The client has come back before its message came: it gets it, and once. */
static void
test_moves(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome;
	uint64_t first, token;
	uint32_t rec;

	rec = open_one(&help->gateways[0].table, "alice", 5);
	assert_int_equal(send_kept(help, "alice", "x", &outcome),
	    DELIVERY_PENDING);
	first = token = expect_message(help, 0, rec, "x");
	for (unsigned move = 1; move <= 4; move++) {
		uint32_t slot = move % HELP_GATEWAYS;

		close_one(&help->gateways[1 - slot].table, rec);
		rec = open_one(&help->gateways[slot].table, "alice", 5);
		relay_help_receipt(&help->gateways[1 - slot], token,
		    RECEIPT_NOT_CONNECTED, 0);
		relay_help_turn(help);
		assert_int_equal(counted(help, COUNTER_DISPATCHES_MOVED), move);
		token = expect_message(help, slot, rec, "x");
		assert_int_not_equal(token, first);
		/* as after a crash */
		relay_help_receipt(&help->gateways[0], first,
		    RECEIPT_NOT_CONNECTED, 0);
		relay_help_turn(help);
		assert_false(outcome.done);
	}
	/* One that goes on like that is not followed for ever. */
	close_one(&help->gateways[0].table, rec);
	(void)open_one(&help->gateways[1].table, "alice", 5);
	relay_help_receipt(&help->gateways[0], token, RECEIPT_NOT_CONNECTED, 0);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_BUSY);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(counted(help, COUNTER_DISPATCHES_MOVED), 4);
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 1);
}

/* Fills the ring of slot 1; another message for alice is on its way there, from
 * a connection that is not out of its table yet. */
static void
move_to_full(struct relay_help *help, struct help_outcome *outcome)
{
	static const char fill[4000];
	struct ring_part part = { fill, sizeof(fill) };
	uint32_t rec;

	rec = open_one(&help->gateways[0].table, "alice", 5);
	assert_int_equal(send_kept(help, "alice", "x", outcome),
	    DELIVERY_PENDING);
	relay_help_receipt(&help->gateways[0],
	    expect_message(help, 0, rec, "x"), RECEIPT_NOT_CONNECTED, 0);
	relay_help_turn(help);
	close_one(&help->gateways[0].table, rec);
	while (shards_put(&help->relay.shards, 1, RING_DELIVER, &part, 1) == 0)
		;
	part.len = 1;
	while (shards_put(&help->relay.shards, 1, RING_DELIVER, &part, 1) == 0)
		;
	(void)open_one(&help->gateways[1].table, "alice", 6);
	relay_help_turn(help);
	assert_false(outcome->done);
	assert_int_equal(counted(help, COUNTER_DISPATCHES_MOVED), 0);
}

static void
test_moves_when_there_is_room(void **state)
{
	struct relay_help *help = *state;
	struct ring_entry entry;
	struct help_outcome outcome;

	move_to_full(help, &outcome);
	/* The slot that it has left is no matter any more. */
	delivery_slot_gone(&help->relay.delivery, 0);
	while (ring_peek(&help->gateways[1].down, &entry) == 1)
		ring_consume(&help->gateways[1].down, &entry);
	relay_help_turn(help);
	relay_help_receipt(&help->gateways[1], expect_message(help, 1, 0, "x"),
	    RECEIPT_DELIVERED, 1);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
}

/* In time it is known that it was not delivered, and so it is at the end. */
static void
test_moves_nowhere(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome;

	move_to_full(help, &outcome);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_BUSY);
	close_one(&help->gateways[1].table, 0);
	move_to_full(help, &outcome);
	delivery_end_queued(&help->relay.delivery);
	assert_false(outcome.done);
	close_one(&help->gateways[1].table, 0);
	relay_help_turn(help);
	assert_int_equal(outcome.status, DELIVERY_NOT_CONNECTED);
	move_to_full(help, &outcome);
	delivery_end(&help->relay.delivery);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.status, DELIVERY_BUSY);
	assert_int_equal(help->relay.delivery.pending, 0);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, relay_help_setup,                   \
	    relay_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_moves),
		CASE(test_moves_when_there_is_room),
		CASE(test_moves_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
