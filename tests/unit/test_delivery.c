/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of deliveries: what the relay makes of receipts, of their absence,
 * and of full rings.
 */
#include "worker/relay/delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/relay_help.h"

static enum delivery_status
send_to(struct relay_help *help, const char *id, const char *text,
    uint32_t wait_ms, struct help_outcome *outcome)
{
	struct delivery_order order = { relay_help_done, outcome, 7, wait_ms };

	memset(outcome, 0, sizeof(*outcome));
	return delivery_send(&help->relay.delivery, id, strlen(id), text,
	    strlen(text), &order);
}

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

static void
test_delivered(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome;
	uint32_t rec;
	uint64_t token;

	rec = open_one(&help->gateways[1].table, "alice", 5);
	assert_int_equal(send_to(help, "bob", "x", 0, &outcome),
	    DELIVERY_NOT_CONNECTED);
	assert_int_equal(send_to(help, "alice", "hello", 0, &outcome),
	    DELIVERY_PENDING);
	token = expect_message(help, 1, rec, "hello");
	/* another slot's, another relay's and no token at all: ignored */
	relay_help_receipt(&help->gateways[0], token, RECEIPT_DELIVERED, 1);
	relay_help_receipt(&help->gateways[1], token ^ ((uint64_t)1 << 40),
	    RECEIPT_DELIVERED, 1);
	relay_help_receipt(&help->gateways[1], 0, RECEIPT_DELIVERED, 1);
	relay_help_receipt(&help->gateways[1], token | 0xffff,
	    RECEIPT_DELIVERED, 1);
	relay_help_turn(help);
	assert_false(outcome.done);
	relay_help_receipt(&help->gateways[1], token, RECEIPT_DELIVERED, 1);
	/* and once more, as after a crash */
	relay_help_receipt(&help->gateways[1], token, RECEIPT_NOT_CONNECTED, 1);
	relay_help_until(help, &outcome.done);
	relay_help_turn(help);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(help->relay.delivery.pending, 0);
	assert_int_equal(counted(help, COUNTER_DISPATCH_DELIVERED), 1);
	assert_int_equal(counted(help, COUNTER_DISPATCH_NOT_CONNECTED), 1);
}

static void
test_other_receipts(void **state)
{
	static const struct {
		uint32_t receipt;
		enum delivery_status status;
	} cases[] = {
		{ RECEIPT_QUEUED, DELIVERY_QUEUED },
		/* of a connection that another one has replaced */
		{ RECEIPT_NOT_CONNECTED, DELIVERY_BUSY },
		{ RECEIPT_DROPPED, DELIVERY_BUSY },
		{ RECEIPT_STATUS_MAX, DELIVERY_UNKNOWN },
	};
	struct relay_help *help = *state;
	struct help_outcome outcome;
	uint32_t rec;
	size_t i;

	rec = open_one(&help->gateways[0].table, "alice", 5);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(send_to(help, "alice", "x", 0, &outcome),
		    DELIVERY_PENDING);
		relay_help_receipt(&help->gateways[0],
		    expect_message(help, 0, rec, "x"), cases[i].receipt, 9);
		relay_help_until(help, &outcome.done);
		assert_int_equal(outcome.status, cases[i].status);
	}
	assert_int_equal(send_to(help, "alice", "x", 0, &outcome),
	    DELIVERY_PENDING);
	close_one(&help->gateways[0].table, rec);
	relay_help_receipt(&help->gateways[0],
	    expect_message(help, 0, rec, "x"), RECEIPT_NOT_CONNECTED, 9);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_NOT_CONNECTED);
}

static void
test_no_receipt(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome;

	open_one(&help->gateways[0].table, "alice", 5);
	assert_int_equal(send_to(help, "alice", "x", 60000, &outcome),
	    DELIVERY_PENDING);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_UNKNOWN);
	assert_int_equal(help->relay.delivery.pending, 0);
}

/* Queued; the gateway has written `given` bytes to that connection. */
static void
queue_one(struct relay_help *help, uint32_t rec, uint32_t wait_ms,
    struct help_outcome *outcome)
{
	assert_int_equal(send_to(help, "alice", "x", wait_ms, outcome),
	    DELIVERY_PENDING);
	relay_help_receipt(&help->gateways[0],
	    expect_message(help, 0, rec, "x"), RECEIPT_QUEUED, 100);
	relay_help_turn(help);
	assert_false(outcome->done);
}

static void
give(struct table *table, uint32_t rec, uint64_t given)
{
	struct record_body body = table->records[rec].body;

	body.given = given;
	table_write(table, rec, &body);
}

static void
test_followed(void **state)
{
	struct relay_help *help = *state;
	struct table *table = &help->gateways[0].table;
	struct help_outcome outcome, other;
	uint32_t rec;

	rec = open_one(table, "alice", 5);
	queue_one(help, rec, 5000, &outcome);
	queue_one(help, rec, 5000, &other);
	give(table, rec, 99);
	relay_help_turn(help);
	assert_false(outcome.done || other.done);
	give(table, rec, 100);
	relay_help_until(help, &outcome.done);
	relay_help_until(help, &other.done);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
	assert_int_equal(other.status, DELIVERY_DELIVERED);
	/* in vain, and then the client is gone */
	give(table, rec, 0);
	queue_one(help, rec, 100, &outcome);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_QUEUED);
	queue_one(help, rec, 5000, &outcome);
	close_one(table, rec);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_UNKNOWN);
	assert_int_equal(help->relay.delivery.pending, 0);
}

/* Ten thousand that wait must not keep the relay busy with looking. */
static void
test_poll_is_paced(void **state)
{
	struct relay_help *help = *state;
	struct delivery *delivery = &help->relay.delivery;
	struct timeval now, next, wait;
	struct help_outcome outcome;
	uint32_t rec;

	rec = open_one(&help->gateways[0].table, "alice", 5);
	queue_one(help, rec, 60000, &outcome);
	delivery->polled += 10000;
	relay_help_turn(help);
	event_base_gettimeofday_cached(help->worker.base, &now);
	assert_true(evtimer_pending(delivery->poll, &next));
	evutil_timersub(&next, &now, &wait);
	assert_true(
	    wait.tv_sec == 0 && wait.tv_usec > 25000 && wait.tv_usec < 80000);
	delivery->polled -= 10000;
	delivery_end_queued(delivery);
	assert_int_equal(outcome.status, DELIVERY_QUEUED);
	assert_int_equal(delivery->polled, 0);
	assert_false(evtimer_pending(delivery->poll, NULL));
}

static void
test_slot_gone(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome, other;

	open_one(&help->gateways[0].table, "alice", 5);
	open_one(&help->gateways[1].table, "bob", 5);
	assert_int_equal(send_to(help, "alice", "x", 0, &outcome),
	    DELIVERY_PENDING);
	assert_int_equal(send_to(help, "bob", "x", 0, &other),
	    DELIVERY_PENDING);
	delivery_slot_gone(&help->relay.delivery, 0);
	assert_true(outcome.done);
	assert_int_equal(outcome.status, DELIVERY_UNKNOWN);
	assert_false(other.done);
	assert_int_equal(help->relay.delivery.pending, 1);
}

/* What is known when the relay leaves: one waits for the receipt, one for a
 * slow reader. */
static void
test_end(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome queued, sent;
	uint32_t rec;

	rec = open_one(&help->gateways[0].table, "alice", 5);
	queue_one(help, rec, 60000, &queued);
	assert_int_equal(send_to(help, "alice", "y", 60000, &sent),
	    DELIVERY_PENDING);
	delivery_end(&help->relay.delivery);
	assert_int_equal(queued.calls, 1);
	assert_int_equal(queued.status, DELIVERY_QUEUED);
	assert_int_equal(sent.calls, 1);
	assert_int_equal(sent.status, DELIVERY_UNKNOWN);
	assert_int_equal(help->relay.delivery.pending, 0);
	delivery_end(&help->relay.delivery);
	assert_int_equal(queued.calls + sent.calls, 2);
}

static void
test_full(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome;
	uint32_t sent = 0;
	char *big;

	open_one(&help->gateways[0].table, "alice", 5);
	big = malloc(2 * HELP_RING_BYTES);
	assert_non_null(big);
	memset(big, 'x', 2 * HELP_RING_BYTES);
	big[2 * HELP_RING_BYTES - 1] = '\0';
	assert_int_equal(send_to(help, "alice", big, 0, &outcome),
	    DELIVERY_TOO_BIG);
	big[4096] = '\0';
	while (send_to(help, "alice", big, 0, &outcome) == DELIVERY_PENDING)
		assert_true(++sent < 16);
	assert_int_equal(sent, 15);
	assert_int_equal(send_to(help, "alice", big, 0, &outcome),
	    DELIVERY_BUSY);
	assert_int_equal(help->relay.delivery.pending, sent);
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 3);
	delivery_slot_gone(&help->relay.delivery, 0);
	free(big);
}

static void
test_broadcast(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome = { .calls = 0 };
	struct delivery_order order = { relay_help_done, &outcome, 7, 60 };
	struct ring_deliver head;
	uint32_t slot, slots;
	char rest[64];

	assert_int_equal(delivery_broadcast(&help->relay.delivery, "all", 3,
			     &order, &slots),
	    DELIVERY_PENDING);
	assert_int_equal(slots, HELP_GATEWAYS);
	for (slot = 0; slot < HELP_GATEWAYS; slot++) {
		assert_int_equal(relay_help_take(&help->gateways[slot], &head,
				     sizeof(head), rest, sizeof(rest)),
		    RING_BROADCAST);
		assert_string_equal(rest, "all");
		if (slot == 0)
			relay_help_receipt(&help->gateways[0], head.token,
			    RECEIPT_DELIVERED, 12);
	}
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
	assert_int_equal(outcome.position, 12);
	outcome.done = false; /* the other slot says nothing */
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_UNKNOWN);
	assert_int_equal(outcome.calls, 2);
}

/* One ring is full: nobody gets it. */
static void
test_broadcast_to_none(void **state)
{
	struct relay_help *help = *state;
	struct shards *shards = &help->relay.shards;
	struct ring_deliver head;
	static const char fill[4000];
	struct ring_part part = { fill, sizeof(fill) };
	uint32_t slots = 99;
	char rest[64];

	while (shards_put(shards, 1, RING_DELIVER, &part, 1) == 0)
		;
	part.len = 1;
	while (shards_put(shards, 1, RING_DELIVER, &part, 1) == 0)
		;
	assert_int_equal(delivery_broadcast(&help->relay.delivery, "all", 3,
			     NULL, &slots),
	    DELIVERY_BUSY);
	assert_int_equal(slots, 99);
	assert_int_equal(relay_help_take(&help->gateways[0], &head,
			     sizeof(head), rest, sizeof(rest)),
	    0);
}

static void
test_kick(void **state)
{
	struct relay_help *help = *state;
	struct help_outcome outcome = { .calls = 0 };
	struct delivery_order order = { relay_help_done, &outcome, 7, 0 };
	struct ring_kick head;
	char rest[64];

	assert_int_equal(delivery_kick(&help->relay.delivery, "alice", 5, 4002,
			     "", &order),
	    DELIVERY_NOT_CONNECTED);
	open_one(&help->gateways[0].table, "alice", 5);
	assert_int_equal(delivery_kick(&help->relay.delivery, "alice", 5, 4321,
			     "bye", &order),
	    DELIVERY_PENDING);
	assert_int_equal(relay_help_take(&help->gateways[0], &head,
			     sizeof(head), rest, sizeof(rest)),
	    RING_KICK);
	assert_int_equal(head.code, 4321);
	assert_string_equal(rest, "bye");
	relay_help_receipt(&help->gateways[0], head.token, RECEIPT_DELIVERED,
	    0);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
	assert_int_equal(counted(help, COUNTER_DISPATCH_DELIVERED), 0);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, relay_help_setup,                   \
	    relay_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_delivered),
		CASE(test_other_receipts),
		CASE(test_no_receipt),
		CASE(test_followed),
		CASE(test_poll_is_paced),
		CASE(test_slot_gone),
		CASE(test_end),
		CASE(test_full),
		CASE(test_broadcast),
		CASE(test_broadcast_to_none),
		CASE(test_kick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
