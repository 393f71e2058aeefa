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
	assert_in_range(ms, 0, 1299);
	(void)close(plain);
	(void)close(told);
	expect_over(help);
}

/* Closed at once, clients are told to come back over the whole span: none of
 * them late, and not all of them soon. */
static void
expect_hints(struct gateway_help *help, uint16_t code, uint64_t hint_ms,
    unsigned int span_ms)
{
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;
	unsigned int ms, most = 0;
	int clients[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		char id[] = { (char)('a' + i), '&', 'h', 'i', 'n', 't', '=',
			'1', '\0' };

		clients[i] = gateway_help_open(help, id);
	}
	order.close_code = code;
	order.has_hint_ms = hint_ms > 0;
	order.hint_ms = hint_ms;
	drain_on_order(help->g, &order);
	for (int i = 0; i < CLIENTS; i++) {
		char payload[126];
		size_t len;

		assert_int_equal(gateway_help_next(help, clients[i], payload,
				     sizeof(payload), &len),
		    0x88);
		assert_int_equal((uint8_t)payload[0] << 8 | (uint8_t)payload[1],
		    code);
		assert_int_equal(sscanf(payload + 2, "reconnect_ms=%u", &ms),
		    1);
		assert_true(ms < span_ms);
		if (ms > most)
			most = ms;
		(void)close(clients[i]);
	}
	/* By chance it is not so once in 10^10 runs. */
	assert_true(most > span_ms / 20);
	gateway_help_live(help, 0);
	order.has_undo = order.undo = true;
	drain_on_order(help->g, &order);
}

/* In a storm: over what is left of its window. */
static void
test_hints_in_a_storm(void **state)
{
	struct gateway_help *help = *state;

	atomic_store(&help->worker.node.shared->spread_ms, 3600000);
	expect_hints(help, WS_CLOSE_RESTART, 0, 3600000);
	/* The longer of the two. */
	expect_hints(help, WS_CLOSE_RESTART, 120000, 3600000);
}

/* A node that stops at once says over how long, also with another code. */
static void
test_hints_at_once(void **state)
{
	struct gateway_help *help = *state;

	expect_hints(help, WS_CLOSE_RESTART, 120000, 120000);
	expect_hints(help, WS_CLOSE_GOING_AWAY, 120000, 120000);
	/* It is not a drain's hint that a later order has. */
	expect_hints(help, WS_CLOSE_RESTART, 20000, 20000);
}

static bool
is_half(void *arg)
{
	struct gateway_help *help = arg;

	return help->g->drain_closed >= CLIENTS / 2;
}

/* The tenant dies in the middle: the next one needs no order to go on, keeps
 * the end, and does not make up for the pause. */
static void
test_resumed(void **state)
{
	struct gateway_help *help = *state;
	struct node_slot_drain *words =
	    &help->worker.node.shared->slot[HELP_SLOT].drain;
	int clients[CLIENTS];
	uint64_t end_ms;
	uint32_t left;

	for (int i = 0; i < CLIENTS; i++)
		clients[i] = gateway_help_open(help,
		    (const char[]){ (char)('a' + i), '\0' });
	drain(help, 1500, false);
	end_ms = atomic_load(&words->end_ms);
	gateway_help_until(help, is_half, help);
	gateway_help_start(help);
	assert_true(help->g->drain_active);
	assert_true(help->g->draining);
	assert_true(help->g->drain_leave);
	assert_int_equal(help->g->drain_code, WS_CLOSE_RESTART);
	assert_in_range(help->g->drain_end_us, end_ms * 1000,
	    end_ms * 1000 + 999);
	assert_true(help->g->drain_closed >= CLIENTS / 2);
	left = help->g->drain_left;
	assert_in_range(left, 1, CLIENTS / 2);
	event_base_loop(help->worker.base, EVLOOP_ONCE);
	assert_true(left - help->g->drain_left <= 2);
	for (int i = 0; i < CLIENTS; i++) {
		gateway_help_expect_close(help, clients[i], WS_CLOSE_RESTART);
		(void)close(clients[i]);
	}
	expect_over(help);
	assert_int_equal(atomic_load(&words->closed), CLIENTS);
}

/* Without the fleet's permission it stands still, whatever its window, and
 * does not make up for that. */
static void
test_held(void **state)
{
	struct gateway_help *help = *state;
	struct node_shared *shared = help->worker.node.shared;
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;
	int client = gateway_help_open(help, "alice");
	uint64_t end_ms;

	node_permit_begin(&shared->permit, 7, false, false);
	node_permit_extend(&shared->permit, 1, 4);
	atomic_store(&shared->drain.asked_real_ms, 7);
	atomic_store(&shared->drain.state, NODE_DRAIN_CLOSING);
	order.window_ms = 1;
	order.close_code = WS_CLOSE_RESTART;
	drain_on_order(help->g, &order);
	end_ms = clock_mono_ms() + 100;
	while (clock_mono_ms() < end_ms)
		event_base_loop(help->worker.base, EVLOOP_ONCE);
	assert_int_equal(help->g->open, 1);
	node_permit_extend(&shared->permit, clock_mono_ms(), 60000);
	gateway_help_expect_close(help, client, WS_CLOSE_RESTART);
	(void)close(client);
	gateway_help_live(help, 0);
}

/* At a deadline nobody is asked any more. */
static void
test_cut(void **state)
{
	struct gateway_help *help = *state;
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;
	int silent = gateway_help_open(help, "silent");
	char payload[126], byte;
	size_t len;

	drain(help, 0, false);
	assert_int_equal(gateway_help_next(help, silent, payload,
			     sizeof(payload), &len),
	    0x88);
	order.close_code = WS_CLOSE_RESTART;
	order.has_cut = order.cut = true;
	order.has_leave = order.leave = true;
	drain_on_order(help->g, &order);
	expect_over(help);
	assert_false(gateway_help_recv(help, silent, &byte, 1));
	(void)close(silent);
}

/* A handshake under way is not cut off: it is told 503. */
static void
test_handshake(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_connect(help);
	char head[1024];

	gateway_help_live(help, 1);
	drain(help, 60000, false);
	assert_int_equal(gateway_help_request(help, client, "/ws", head,
			     sizeof(head)),
	    503);
	assert_non_null(strstr(head, "Retry-After:"));
	(void)close(client);
	expect_over(help); /* long before the window ends */
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
	assert_int_equal(atomic_load(&help->worker.node.shared->slot[HELP_SLOT]
					  .drain.close_code),
	    WS_CLOSE_RESTART);
	undo.has_undo = true;
	undo.undo = true;
	drain_on_order(help->g, &undo);
	assert_int_equal(atomic_load(&help->g->slot->tenant_state),
	    TENANT_SERVING);
	/* The next tenant does not take it up again. */
	gateway_help_start(help);
	assert_false(help->g->drain_active);
	gateway_help_frame(help, client, 0x81, "still", 5);
	(void)gateway_help_next(help, client, got, sizeof(got), &len);
	assert_string_equal(got, "still");
	(void)close(client);
	client = gateway_help_open(help, "bob");
	(void)close(client);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, gateway_help_setup,                 \
	    gateway_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nobody),
		CASE(test_spread),
		CASE(test_hint),
		CASE(test_hints_in_a_storm),
		CASE(test_hints_at_once),
		CASE(test_resumed),
		CASE(test_held),
		CASE(test_cut),
		CASE(test_handshake),
		CASE(test_newcomers),
		CASE(test_silent),
		CASE(test_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
