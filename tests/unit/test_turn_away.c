/* SPDX-License-Identifier: ISC */
/*
 * A slot without a free record: who comes is told 503, whether the request
 * comes at once, late or never, and however many there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/gateway_help.h"

static int holders[HELP_CAPACITY];

static int
setup(void **state)
{
	struct gateway_help *help = gateway_help_new();
	char id[16];

	gateway_help_start(help);
	for (uint32_t i = 0; i < HELP_CAPACITY; i++) {
		(void)snprintf(id, sizeof(id), "c%u", i);
		holders[i] = gateway_help_open(help, id);
	}
	*state = help;
	return 0;
}

static int
teardown(void **state)
{
	for (uint32_t i = 0; i < HELP_CAPACITY; i++)
		(void)close(holders[i]);
	gateway_help_free(*state);
	return 0;
}

static bool
is_waiting(void *arg)
{
	const struct gateway_help *help = arg;

	return help->g->turn_away.count > 0;
}

static void
expect_refusal(struct gateway_help *help, int client)
{
	char head[1024];

	assert_int_equal(gateway_help_request(help, client, "/ws", head,
			     sizeof(head)),
	    503);
	assert_non_null(strstr(head, "Retry-After:"));
	(void)close(client);
}

static void
test_request_late(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_connect(help);

	gateway_help_until(help, is_waiting, help);
	expect_refusal(help, client);
	assert_int_equal(help->g->turn_away.count, 0);
	assert_int_equal(counter_get(&help->g->slot->counters,
			     COUNTER_HANDSHAKE_CAPACITY),
	    1);
}

/* No request at all: an answer when the time is up, then the end. */
static void
test_request_never(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_connect(help);
	char status[12];

	assert_true(gateway_help_recv(help, client, status, sizeof(status)));
	assert_memory_equal(status, "HTTP/1.1 503", sizeof(status));
	assert_int_equal(help->g->turn_away.count, 0);
	(void)close(client);
}

static void
test_many(void **state)
{
	struct gateway_help *help = *state;
	int clients[TURN_AWAY_MAX * 2];

	for (uint32_t i = 0; i < TURN_AWAY_MAX * 2; i++)
		clients[i] = gateway_help_connect(help);
	gateway_help_until(help, is_waiting, help);
	for (uint32_t i = 0; i < TURN_AWAY_MAX * 2; i++)
		expect_refusal(help, clients[i]);
	/* The slot takes clients again as soon as it can. */
	(void)close(holders[0]);
	gateway_help_live(help, HELP_CAPACITY - 1);
	holders[0] = gateway_help_open(help, "next");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_request_late),
		CASE(test_request_never),
		CASE(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
