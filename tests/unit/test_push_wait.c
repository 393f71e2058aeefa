/* SPDX-License-Identifier: ISC */
/* Documents that wait for their slot, and those for others, which do not. */
#include "worker/relay/push_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/slot_owner.h"
#include "tests/unit/relay_help.h"

#define PAD	  "%01000d"
#define MAX_BYTES (256u * 1024)

/* A number at its end tells which it is. */
struct text {
	char bytes[1200];
};

static int
setup(void **state)
{
	struct relay_help *help = relay_help_new();

	push_wait_init(&help->relay.pushes.wait, &help->relay, MAX_BYTES);
	(void)open_one(&help->gateways[0].table, "alice", 5);
	(void)open_one(&help->gateways[1].table, "bob", 5);
	*state = help;
	return 0;
}

static int
teardown(void **state)
{
	struct relay_help *help = *state;

	push_wait_clear(&help->relay.pushes.wait);
	assert_int_equal(help->relay.pushes.wait.count, 0);
	for (uint32_t i = 0; i < PUSH_WAIT_BUCKETS; i++)
		assert_null(help->relay.pushes.wait.waiters[i]);
	relay_help_free(help);
	return 0;
}

static struct push_wait *
wait_of(struct relay_help *help)
{
	return &help->relay.pushes.wait;
}

static struct text
text_of(const char *client, int number)
{
	struct text text;

	(void)snprintf(text.bytes, sizeof(text.bytes),
	    "{\"target_client_id\":\"%s\",\"message_id\":\"m\","
	    "\"event_type\":\"t\",\"payload\":\"" PAD "\"}",
	    client, number);
	return text;
}

static void
deliver(struct relay_help *help, const char *client, int number)
{
	struct text text = text_of(client, number);
	const struct dispatch_doc doc = { .bytes = text.bytes,
		.len = strlen(text.bytes),
		.target = client,
		.target_len = strlen(client) };

	push_wait_deliver(wait_of(help), &doc);
}

/* The next one in the slot's ring; false: there is none. */
static bool
comes(struct relay_help *help, uint32_t slot, const char *client, int number)
{
	struct text text = text_of(client, number);
	struct ring_deliver head;
	char rest[sizeof(text)];

	if (relay_help_take(&help->gateways[slot], &head, sizeof(head), rest,
		sizeof(rest)) != RING_DELIVER)
		return false;
	assert_string_equal(rest, text.bytes);
	return true;
}

static uint64_t
busy(struct relay_help *help)
{
	return counter_get(relay_counters(&help->relay), COUNTER_DISPATCH_BUSY);
}

/* More than the ring of the first slot holds: how many there are. */
static int
fill(struct relay_help *help)
{
	int n = 0;

	while (wait_of(help)->count < 5)
		deliver(help, "alice", n++);
	assert_true(n > 10);
	return n;
}

/* A gateway that stands still keeps up its own clients only, and these find all
 * in order. */
static void
test_other_slots_go_on(void **state)
{
	struct relay_help *help = *state;
	int n = fill(help), i = 0;

	deliver(help, "bob", 1);
	assert_true(comes(help, 1, "bob", 1));
	assert_false(push_wait_go_on(wait_of(help), 100));
	assert_int_equal(wait_of(help)->count, 5);
	while (comes(help, 0, "alice", i))
		i++;
	assert_int_equal(i, n - 5);
	/* There is room, and others are first. */
	deliver(help, "alice", n);
	assert_int_equal(wait_of(help)->count, 6);
	assert_false(push_wait_go_on(wait_of(help), 200));
	assert_true(push_wait_is_empty(wait_of(help)));
	deliver(help, "alice", n + 1);
	while (comes(help, 0, "alice", i))
		i++;
	assert_int_equal(i, n + 2);
	assert_int_equal(busy(help), 0);
}

/* The client has come back in another slot: the new ones wait as well. */
static void
test_client_moves(void **state)
{
	struct relay_help *help = *state;
	int n = fill(help);

	(void)open_one(&help->gateways[1].table, "alice", 9);
	deliver(help, "alice", n);
	assert_false(comes(help, 1, "alice", n));
	assert_false(push_wait_go_on(wait_of(help), 100));
	for (int i = n - 5; i <= n; i++)
		assert_true(comes(help, 1, "alice", i));
	assert_false(comes(help, 1, "alice", 0));
}

static void
test_waits_too_long(void **state)
{
	struct relay_help *help = *state;

	(void)fill(help);
	assert_false(push_wait_go_on(wait_of(help), 100));
	assert_false(push_wait_go_on(wait_of(help), 1099));
	assert_int_equal(wait_of(help)->count, 5);
	for (int i = 0; i < 100; i++)
		deliver(help, "alice", i);
	/* Some fit after all: there is always room for one that is late. */
	(void)push_wait_go_on(wait_of(help), 1100);
	(void)push_wait_go_on(wait_of(help), 1100);
	assert_true(push_wait_is_empty(wait_of(help)));
	assert_true(busy(help) > 90 && busy(help) < 105);
}

/* Anybody may be in a table that is on its way. */
static void
test_table_is_away(void **state)
{
	struct relay_help *help = *state;
	_Atomic uint64_t *owner = &help->gateways[0].table.header->owner;
	uint64_t token;

	assert_int_equal(slot_owner_claim(owner, 1), 0);
	assert_int_equal(slot_owner_give(owner, 1, &token), 0);
	assert_true(slot_owner_commit(owner, token));
	deliver(help, "carol", 1);
	deliver(help, "carol", 2);
	deliver(help, "bob", 1);
	assert_false(push_wait_go_on(wait_of(help), 100));
	assert_int_equal(wait_of(help)->count, 3);
	(void)open_one(&help->gateways[0].table, "carol", 7);
	atomic_store(owner, 0);
	assert_false(push_wait_go_on(wait_of(help), 200));
	assert_true(comes(help, 1, "bob", 1));
	assert_true(comes(help, 0, "carol", 1));
	assert_true(comes(help, 0, "carol", 2));
	assert_int_equal(busy(help), 0);
}

static void
test_limit(void **state)
{
	struct relay_help *help = *state;
	uint32_t most;

	for (int n = 0; busy(help) < 3; n++)
		deliver(help, "alice", n);
	most = wait_of(help)->count;
	assert_true(most > MAX_BYTES / sizeof(struct text));
	assert_true(most < MAX_BYTES / 1000);
	/* Another slot is not the worse for it. */
	deliver(help, "bob", 1);
	assert_true(comes(help, 1, "bob", 1));
	assert_int_equal(busy(help), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_other_slots_go_on, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_client_moves, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_waits_too_long, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_table_is_away, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
