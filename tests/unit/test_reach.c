/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of dispatches and kicks that wait while a slot changes hands.
 */
#include "worker/relay/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/slot_owner.h"
#include "tests/unit/relay_help.h"

struct outcome {
	bool done;
	enum delivery_status status;
};

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct outcome *outcome = owner;

	(void)position;
	assert_int_equal(item, 7);
	assert_false(outcome->done);
	outcome->done = true;
	outcome->status = status;
}

static enum delivery_status
dispatch(struct relay_help *help, const char *id, const char *text,
    struct outcome *outcome)
{
	static char node[ROUTE_NODE_MAX + 1];
	struct delivery_order order = { on_done, outcome, 7, 0 };
	struct forward_what what = { .kind = INBOX_DISPATCH,
		.client = id,
		.client_len = strlen(id),
		.text = text,
		.len = strlen(text) };

	memset(outcome, 0, sizeof(*outcome));
	return reach_client(&help->relay, &what, &order, node);
}

/* The first slot is another tenant's, with a table that is not here yet. */
static void
move_slot(struct relay_help *help)
{
	_Atomic uint64_t *owner = &help->gateways[0].table.header->owner;
	uint64_t token;

	assert_int_equal(slot_owner_claim(owner, 1), 0);
	assert_int_equal(slot_owner_give(owner, 1, &token), 0);
	assert_true(slot_owner_commit(owner, token));
}

static void
arrive(struct relay_help *help)
{
	atomic_store(&help->gateways[0].table.header->owner, 0);
}

/* The token of the text that a gateway finds next. */
static uint64_t
expect(struct relay_help *help, uint32_t slot, const char *text)
{
	struct ring_deliver head;
	char rest[64];

	assert_int_equal(relay_help_take(&help->gateways[slot], &head,
			     sizeof(head), rest, sizeof(rest)),
	    RING_DELIVER);
	assert_string_equal(rest, text);
	return head.token;
}

static void
expect_nothing(struct relay_help *help, uint32_t slot)
{
	struct ring_deliver head;
	char rest[64];

	assert_int_equal(relay_help_take(&help->gateways[slot], &head,
			     sizeof(head), rest, sizeof(rest)),
	    0);
}

static uint64_t
counted(struct relay_help *help, enum counter counter)
{
	return counter_get(relay_counters(&help->relay), counter);
}

static void
test_waits_and_keeps_the_order(void **state)
{
	struct relay_help *help = *state;
	struct outcome first, second, nobody;

	move_slot(help);
	assert_int_equal(dispatch(help, "alice", "1", &first),
	    DELIVERY_PENDING);
	assert_int_equal(dispatch(help, "bob", "x", &nobody), DELIVERY_PENDING);
	relay_help_turn(help);
	assert_false(first.done);
	open_one(&help->gateways[0].table, "alice", 5);
	arrive(help);
	/* She could be found by now, and yet: not before the first. */
	assert_int_equal(dispatch(help, "alice", "2", &second),
	    DELIVERY_PENDING);
	expect_nothing(help, 0);
	relay_help_until(help, &nobody.done);
	assert_int_equal(nobody.status, DELIVERY_NOT_CONNECTED);
	assert_int_equal(help->relay.reach.count, 0);
	relay_help_receipt(&help->gateways[0], expect(help, 0, "1"),
	    RECEIPT_DELIVERED, 1);
	relay_help_receipt(&help->gateways[0], expect(help, 0, "2"),
	    RECEIPT_QUEUED, 2);
	relay_help_until(help, &second.done);
	assert_int_equal(first.status, DELIVERY_DELIVERED);
	assert_int_equal(second.status, DELIVERY_QUEUED);
	assert_int_equal(counted(help, COUNTER_REACH_KEPT), 3);
	assert_int_equal(counted(help, COUNTER_DISPATCH_NOT_CONNECTED), 1);
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 0);
	assert_int_equal(help->relay.reach.bytes, 0);
	assert_int_equal(dispatch(help, "alice", "3", &first),
	    DELIVERY_PENDING);
	(void)expect(help, 0, "3");
}

/* Who was there before the slot moved is found, and its ring moves along. */
static void
test_found_in_the_old_table(void **state)
{
	struct relay_help *help = *state;
	struct outcome outcome;

	open_one(&help->gateways[0].table, "carol", 5);
	move_slot(help);
	assert_int_equal(dispatch(help, "carol", "hello", &outcome),
	    DELIVERY_PENDING);
	relay_help_receipt(&help->gateways[0], expect(help, 0, "hello"),
	    RECEIPT_DELIVERED, 1);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
	assert_int_equal(counted(help, COUNTER_REACH_KEPT), 0);
}

static void
test_kick(void **state)
{
	static char node[ROUTE_NODE_MAX + 1];
	struct relay_help *help = *state;
	struct outcome outcome = { false, 0 };
	struct delivery_order order = { on_done, &outcome, 7, 0 };
	struct forward_what what = { .kind = INBOX_KICK,
		.client = "alice",
		.client_len = 5,
		.text = "go away",
		.len = 7,
		.code = 4000 };
	struct ring_kick head;
	char rest[64];

	move_slot(help);
	assert_int_equal(reach_client(&help->relay, &what, &order, node),
	    DELIVERY_PENDING);
	open_one(&help->gateways[0].table, "alice", 5);
	arrive(help);
	relay_help_turn(help);
	assert_int_equal(relay_help_take(&help->gateways[0], &head,
			     sizeof(head), rest, sizeof(rest)),
	    RING_KICK);
	assert_int_equal(head.code, 4000);
	assert_string_equal(rest, "go away");
	relay_help_receipt(&help->gateways[0], head.token, RECEIPT_DELIVERED,
	    0);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_DELIVERED);
}

static void
test_deadline(void **state)
{
	struct relay_help *help = *state;
	struct outcome outcome;

	move_slot(help);
	assert_int_equal(dispatch(help, "alice", "1", &outcome),
	    DELIVERY_PENDING);
	relay_help_until(help, &outcome.done);
	assert_int_equal(outcome.status, DELIVERY_BUSY);
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 1);
	expect_nothing(help, 0);
}

static void
test_bounds_and_the_end(void **state)
{
	static struct outcome outcomes[REACH_MAX];
	struct relay_help *help = *state;
	struct outcome one_more;
	char id[16];
	uint32_t i;

	help->worker.settings.api.request_timeout_ms = 60000;
	move_slot(help);
	for (i = 0; i < REACH_MAX; i++) {
		snprintf(id, sizeof(id), "c%u", i % 999);
		assert_int_equal(dispatch(help, id, "text", &outcomes[i]),
		    DELIVERY_PENDING);
	}
	assert_int_equal(dispatch(help, "alice", "text", &one_more),
	    DELIVERY_BUSY);
	reach_end(&help->relay.reach);
	for (i = 0; i < REACH_MAX; i++) {
		assert_true(outcomes[i].done);
		assert_int_equal(outcomes[i].status, DELIVERY_BUSY);
	}
	assert_int_equal(dispatch(help, "alice", "text", &one_more),
	    DELIVERY_PENDING); /* and is forgotten with the relay */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits_and_keeps_the_order,
		    relay_help_setup, relay_help_teardown),
		cmocka_unit_test_setup_teardown(test_found_in_the_old_table,
		    relay_help_setup, relay_help_teardown),
		cmocka_unit_test_setup_teardown(test_kick, relay_help_setup,
		    relay_help_teardown),
		cmocka_unit_test_setup_teardown(test_deadline, relay_help_setup,
		    relay_help_teardown),
		cmocka_unit_test_setup_teardown(test_bounds_and_the_end,
		    relay_help_setup, relay_help_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
