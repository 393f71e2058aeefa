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
		CASE(test_earlier_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
