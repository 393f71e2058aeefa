/* SPDX-License-Identifier: ISC */
/*
 * Emptying a slot: everybody is closed within the window and not at once, who
 * reads hints gets one, and newcomers are closed like all others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/unit/gateway_help.h"
#include "worker/gateway/drain.h"
#include "worker/gateway/ws_frame.h"

#define CLIENTS 8

static int
setup(void **state)
{
	struct gateway_help *help = gateway_help_new();

	gateway_help_start(help);
	*state = help;
	return 0;
}

static int
teardown(void **state)
{
	gateway_help_free(*state);
	return 0;
}

static void
drain(struct gateway_help *help, uint64_t window_ms, bool accept)
{
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;

	order.window_ms = window_ms;
	order.close_code = WS_CLOSE_RESTART;
	order.has_accept = accept;
	order.accept = accept;
	order.has_leave = true;
	order.leave = true;
	drain_on_order(help->g, &order);
}

static bool
is_over(void *arg)
{
	struct gateway_help *help = arg;

	return help->worker.is_leaving;
}

/* The order is carried out: the slot is empty and the tenant leaves. */
static void
expect_over(struct gateway_help *help)
{
	gateway_help_until(help, is_over, help);
	assert_int_equal(help->worker.exit_code, WORKER_EXIT_LEAVE);
	assert_int_equal(atomic_load(&help->g->slot->live), 0);
	gateway_help_at_rest(help);
}

static void
test_nobody(void **state)
{
	struct gateway_help *help = *state;

	drain(help, 0, false);
	expect_over(help);
}

static void
test_spread(void **state)
{
	struct gateway_help *help = *state;
	int clients[CLIENTS];
	uint32_t most = 0, before = CLIENTS;
	uint64_t end_ms;

	for (int i = 0; i < CLIENTS; i++)
		clients[i] = gateway_help_open(help,
		    (const char[]){ (char)('a' + i), '\0' });
	drain(help, 800, false);
	end_ms = clock_mono_ms() + 700;
	assert_int_equal(help->g->open, CLIENTS);
	while (clock_mono_ms() < end_ms) {
		uint32_t open = 0;

		event_base_loop(help->worker.base, EVLOOP_ONCE);
		for (uint32_t i = 0; i < CLIENTS; i++)
			if (help->g->table.records[i].body.state == RECORD_OPEN)
				open++;
		if (before - open > most)
			most = before - open;
		before = open;
	}
	assert_true(before < CLIENTS / 2);
	assert_true(most <= CLIENTS / 2); /* no wave, even on a busy machine */
	for (int i = 0; i < CLIENTS; i++) {
		gateway_help_expect_close(help, clients[i], WS_CLOSE_RESTART);
		(void)close(clients[i]);
	}
	expect_over(help);
}

static void
test_hint(void **state)
{
	struct gateway_help *help = *state;
	int plain = gateway_help_open(help, "plain");
	int told = gateway_help_open(help, "told&hint=1");
	char payload[126];
	unsigned int ms;
	size_t len;

	drain(help, 300, false);
	(void)gateway_help_next(help, plain, payload, sizeof(payload), &len);
	assert_int_equal(len, 2);
	(void)gateway_help_next(help, told, payload, sizeof(payload), &len);
	assert_int_equal(sscanf(payload + 2, "reconnect_ms=%u", &ms), 1);
	assert_in_range(ms, 0, 1300);
	(void)close(plain);
	(void)close(told);
	expect_over(help);
}

/* While it drains and accepts, more come than there were. */
static void
test_newcomers(void **state)
{
	struct gateway_help *help = *state;
	int clients[CLIENTS];

	clients[0] = gateway_help_open(help, "first");
	drain(help, 300, true);
	for (int i = 1; i < CLIENTS; i++)
		clients[i] = gateway_help_open(help,
		    (const char[]){ (char)('a' + i), '\0' });
	for (int i = 0; i < CLIENTS; i++) {
		gateway_help_expect_close(help, clients[i], WS_CLOSE_RESTART);
		(void)close(clients[i]);
	}
	expect_over(help);
}

/* One that does not answer our close frame ends at the close timeout. */
static void
test_silent(void **state)
{
	struct gateway_help *help = *state;
	int client;

	help->worker.settings.websocket.close_timeout_ms = 300;
	client = gateway_help_open(help, "silent");
	drain(help, 0, false);
	expect_over(help);
	(void)close(client);
}

static void
test_undone(void **state)
{
	struct gateway_help *help = *state;
	Holdfast__Drain undo = HOLDFAST__DRAIN__INIT;
	int client = gateway_help_open(help, "alice");
	char got[16];
	size_t len;

	drain(help, 60000, false);
	undo.has_undo = true;
	undo.undo = true;
	drain_on_order(help->g, &undo);
	assert_int_equal(atomic_load(&help->g->slot->tenant_state),
	    TENANT_SERVING);
	gateway_help_frame(help, client, 0x81, "still", 5);
	(void)gateway_help_next(help, client, got, sizeof(got), &len);
	assert_string_equal(got, "still");
	(void)close(client);
	client = gateway_help_open(help, "bob");
	(void)close(client);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nobody),
		CASE(test_spread),
		CASE(test_hint),
		CASE(test_newcomers),
		CASE(test_silent),
		CASE(test_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
