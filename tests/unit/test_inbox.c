/* SPDX-License-Identifier: ISC */
/*
 * Entries of the node's stream, on their way to the rings: what a relay finds
 * that goes on for one that has died.
 */
#include "worker/relay/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/relay_help.h"
#include "worker/relay/inbox_entry.h"

static int
setup(void **state)
{
	struct relay_help *help = relay_help_new();

	(void)snprintf(help->worker.settings.redis.url,
	    sizeof(help->worker.settings.redis.url), "redis://127.0.0.1:1");
	help->relay.backplane.relay = &help->relay;
	*state = help;
	return 0;
}

static int
teardown(void **state)
{
	struct relay_help *help = *state;

	delivery_end(&help->relay.delivery);
	assert_int_equal(help->relay.inbox.kept_bytes, 0);
	event_free(help->relay.inbox.resume);
	relay_help_free(help);
	return 0;
}

static uint64_t
counted(struct relay_help *help, enum counter counter)
{
	return counter_get(relay_counters(&help->relay), counter);
}

/* Entry `number`, any text for a client. */
static bool
take(struct relay_help *help, uint64_t number, const char *client)
{
	struct inbox_fields entry = { .id = { number, 0 },
		.kind = INBOX_TEXT,
		.text = client,
		.len = strlen(client) };

	(void)snprintf(entry.client, sizeof(entry.client), "%s", client);
	return inbox_entry_take(&help->relay.inbox, &entry);
}

static void
expect(struct relay_help *help, uint32_t slot, uint32_t rec, const char *text)
{
	struct ring_deliver head;
	char rest[128];

	assert_int_equal(relay_help_take(&help->gateways[slot], &head,
			     sizeof(head), rest, sizeof(rest)),
	    RING_DELIVER);
	assert_int_equal(head.rec, rec);
	assert_string_equal(rest, text);
}

static void
expect_nothing(struct relay_help *help)
{
	struct ring_deliver head;
	char rest[128];

	for (uint32_t slot = 0; slot < HELP_GATEWAYS; slot++)
		assert_int_equal(relay_help_take(&help->gateways[slot], &head,
				     sizeof(head), rest, sizeof(rest)),
		    0);
}

/* The last relay was about to put entry 5 in the ring of slot 0, as that ring's
 * next one. */
static void
intend(struct relay_help *help, uint32_t rec, uint64_t nonce)
{
	struct inbox_state state = { .done = { 4, 0 },
		.count = 4,
		.intent = { 5, 0 },
		.ring_seq = ring_head_seq(&help->relay.shards.items[0].down) +
		    1,
		.nonce = nonce,
		.rec = rec };

	state.gen = help->gateways[0].table.records[rec].body.gen;
	slot_inbox_put(&help->worker.slot->inbox, &state);
}

static uint64_t
nonce_of(struct relay_help *help)
{
	return help->relay.shards.items[0].table.header->nonce;
}

/* It was not: the client may have another connection by now. */
static void
test_looked_up_anew(void **state)
{
	struct relay_help *help = *state;
	uint32_t rec = open_one(&help->gateways[0].table, "alice", 5);

	intend(help, rec, nonce_of(help));
	assert_int_equal(inbox_start(&help->relay.inbox, &help->relay), 0);
	assert_int_equal(help->relay.inbox.state.done.ms, 4);
	close_one(&help->gateways[0].table, rec);
	rec = open_one(&help->gateways[1].table, "alice", 5);
	assert_true(take(help, 5, "alice"));
	expect(help, 1, rec, "alice");
	expect_nothing(help);
	assert_int_equal(help->relay.inbox.state.done.ms, 5);
}

/* Keeper and tenant of that slot died before it was its turn: the record is
 * somebody else's, of the same generation in new memory. */
static void
test_slot_is_another(void **state)
{
	struct relay_help *help = *state;
	uint32_t bob, alice;

	bob = open_one(&help->gateways[0].table, "bob", 5);
	intend(help, bob, nonce_of(help));
	assert_int_equal(inbox_start(&help->relay.inbox, &help->relay), 0);
	help->gateways[0].table.header->nonce++;
	alice = open_one(&help->gateways[1].table, "alice", 5);
	assert_true(take(help, 5, "alice"));
	expect(help, 1, alice, "alice");
	expect_nothing(help);
}

/* Likewise, and before the relay came: nobody knows. */
static void
test_slot_was_another(void **state)
{
	struct relay_help *help = *state;
	uint32_t bob = open_one(&help->gateways[0].table, "bob", 5);

	intend(help, bob, nonce_of(help) + 1);
	assert_int_equal(inbox_start(&help->relay.inbox, &help->relay), 0);
	assert_int_equal(counted(help, COUNTER_INBOX_UNKNOWN), 1);
	assert_int_equal(help->relay.inbox.state.done.ms, 5);
	assert_true(take(help, 5, "bob"));
	expect_nothing(help);
}

/* It was put there. */
static void
test_was_put(void **state)
{
	struct relay_help *help = *state;
	uint32_t rec = open_one(&help->gateways[0].table, "alice", 5);
	struct ring_part part = { "x", 1 };

	intend(help, rec, nonce_of(help));
	assert_int_equal(shards_put(&help->relay.shards, 0, RING_DELIVER, &part,
			     1),
	    0);
	assert_int_equal(inbox_start(&help->relay.inbox, &help->relay), 0);
	assert_int_equal(help->relay.inbox.state.done.ms, 5);
	assert_int_equal(help->relay.inbox.state.count, 5);
	assert_true(take(help, 5, "alice"));
	assert_int_equal(counted(help, COUNTER_INBOX_UNKNOWN), 0);
	assert_int_equal(counted(help, COUNTER_INBOX_ENTRIES), 0);
}

/* Its connection ends before it has it. */
static void
test_follows_the_client(void **state)
{
	struct relay_help *help = *state;
	struct ring_deliver head;
	uint32_t rec;
	char rest[16];

	assert_int_equal(inbox_start(&help->relay.inbox, &help->relay), 0);
	rec = open_one(&help->gateways[0].table, "alice", 5);
	assert_true(take(help, 1, "alice"));
	assert_int_equal(help->relay.inbox.kept_bytes, strlen("alice"));
	assert_int_equal(relay_help_take(&help->gateways[0], &head,
			     sizeof(head), rest, sizeof(rest)),
	    RING_DELIVER);
	close_one(&help->gateways[0].table, rec);
	rec = open_one(&help->gateways[1].table, "alice", 5);
	relay_help_receipt(&help->gateways[0], head.token,
	    RECEIPT_NOT_CONNECTED, 0);
	relay_help_turn(help);
	expect(help, 1, rec, "alice");
	expect_nothing(help);
}

/* Not even looked at. */
static void
test_earlier_life(void **state)
{
	struct relay_help *help = *state;
	struct inbox_fields entry = { .id = { 5, 0 }, .text = "{", .len = 1 };

	assert_int_equal(inbox_start(&help->relay.inbox, &help->relay), 0);
	(void)open_one(&help->gateways[0].table, "alice", 5);
	help->relay.inbox.state.old = (struct inbox_id){ 6, 0 };
	assert_true(inbox_entry_take(&help->relay.inbox, &entry));
	assert_true(take(help, 6, "alice"));
	expect_nothing(help);
	assert_int_equal(counted(help, COUNTER_INBOX_OLD), 2);
	assert_int_equal(counted(help, COUNTER_INBOX_BAD), 0);
	assert_true(take(help, 7, "alice"));
	expect(help, 0, 0, "alice");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_looked_up_anew),
		CASE(test_slot_is_another),
		CASE(test_slot_was_another),
		CASE(test_was_put),
		CASE(test_follows_the_client),
		CASE(test_earlier_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
