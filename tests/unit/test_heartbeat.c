/* SPDX-License-Identifier: ISC */
/*
 * Deadlines of connections.  Instead of waiting, a test sets back the moment at
 * which a record's peer was last seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/unit/gateway_help.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/ws_frame.h"

#define INTERVAL_MS 15000u /* the defaults */
#define MISSES	    2u

static struct record_body *
body_of(struct gateway_help *help, uint32_t rec)
{
	return &help->g->table.records[rec].body;
}

/* A ping left so long ago and is unanswered. */
static void
set_pinged(struct gateway_help *help, uint32_t rec, uint32_t ms)
{
	body_of(help, rec)->ping_us = (uint32_t)clock_mono_us() - ms * 1000;
	body_of(help, rec)->flags |= RECORD_PINGED;
}

/* The peer was last seen so long ago. */
static void
set_idle(struct gateway_help *help, uint32_t rec, uint32_t ms)
{
	gateway_clock(help->g);
	body_of(help, rec)->seen_ms = help->g->now_ms - ms;
	heartbeat_arm(help->g, rec);
}

/* Runs the loop for longer than the wheel is coarse. */
static void
run_a_while(struct gateway_help *help)
{
	uint64_t end_ms = clock_mono_ms() + 4 * TIMER_WHEEL_TICK_MS;

	while (clock_mono_ms() < end_ms)
		event_base_loop(help->worker.base, EVLOOP_ONCE);
}

static uint64_t
count(struct gateway_help *help, enum counter c)
{
	return counter_get(gateway_counters(help->g), c);
}

static void
test_ping_and_pong(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	char payload[126];
	size_t len;

	set_idle(help, rec, INTERVAL_MS - TIMER_WHEEL_TICK_MS);
	assert_int_equal(gateway_help_next(help, client, payload,
			     sizeof(payload), &len),
	    0x89);
	assert_true(body_of(help, rec)->flags & RECORD_PINGED);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 1);
	gateway_help_frame(help, client, 0x8a, payload, len);
	run_a_while(help);
	assert_false(body_of(help, rec)->flags & RECORD_PINGED);
	assert_true(body_of(help, rec)->ping_latency_us > 0);
	assert_true(help->g->now_ms - body_of(help, rec)->seen_ms < 5000);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 1);
	gateway_help_at_rest(help);
	(void)close(client);
}

static void
test_not_yet(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	set_idle(help, rec, INTERVAL_MS - 5000);
	run_a_while(help);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 0);
	(void)close(client);
}

/* A peer that answers nothing is gone at the configured time, never later. */
static void
test_dead(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	set_pinged(help, rec, INTERVAL_MS);
	set_idle(help, rec, INTERVAL_MS * MISSES - TIMER_WHEEL_TICK_MS);
	gateway_help_live(help, 0);
	assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 1);
	gateway_help_expect_close(help, client, WS_CLOSE_GOING_AWAY);
	(void)close(client);
	gateway_help_at_rest(help);
}

/* The gateway was away when the ping was due: nobody is dead unasked. */
static void
test_late_ping(void **state)
{
	struct gateway_help *help = *state;

	for (uint32_t idle = INTERVAL_MS; idle <= 4 * INTERVAL_MS;
	     idle += INTERVAL_MS / 3) {
		int client = gateway_help_open(help, "alice");
		uint32_t rec = gateway_help_rec(help, "alice");
		uint64_t sent = count(help, COUNTER_PINGS_SENT);
		char payload[126];
		size_t len;

		set_idle(help, rec, idle);
		assert_int_equal(gateway_help_next(help, client, payload,
				     sizeof(payload), &len),
		    0x89);
		run_a_while(help);
		assert_int_equal(count(help, COUNTER_PINGS_SENT), sent + 1);
		gateway_help_frame(help, client, 0x8a, payload, len);
		run_a_while(help);
		assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 0);
		assert_true(
		    help->g->now_ms - body_of(help, rec)->seen_ms < 5000);
		(void)close(client);
		gateway_help_live(help, 0);
	}
}

/* A ping is stamped later than the turn of the loop in which it leaves. */
static void
test_ping_of_this_turn(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	set_pinged(help, rec, 0);
	body_of(help, rec)->ping_us += 500000;
	set_idle(help, rec, INTERVAL_MS);
	run_a_while(help);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 0);
	(void)close(client);
}

/* An old ping without an answer, from before the peer was last seen. */
static void
test_old_ping(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	set_pinged(help, rec, 10 * INTERVAL_MS);
	set_idle(help, rec, INTERVAL_MS * MISSES);
	run_a_while(help);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 1);
	run_a_while(help);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 1);
	assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 0);
	/* and it has its time to answer, but not more */
	set_pinged(help, rec, INTERVAL_MS / 2);
	set_idle(help, rec, INTERVAL_MS * MISSES);
	gateway_help_live(help, 0);
	assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 1);
	(void)close(client);
}

/* With one miss nobody is asked. */
static void
test_no_pings(void **state)
{
	struct gateway_help *help = *state;
	int client;

	help->worker.settings.websocket.ping_misses = 1;
	client = gateway_help_open(help, "alice");
	set_idle(help, gateway_help_rec(help, "alice"), INTERVAL_MS - 1000);
	run_a_while(help);
	assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 0);
	set_idle(help, gateway_help_rec(help, "alice"), INTERVAL_MS - 100);
	gateway_help_live(help, 0);
	assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 1);
	assert_int_equal(count(help, COUNTER_PINGS_SENT), 0);
	(void)close(client);
}

/* It does not read: its pongs cannot be seen, but its acknowledgements. */
static void
test_paused(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	body_of(help, rec)->flags |= RECORD_PAUSED;
	set_pinged(help, rec, INTERVAL_MS);
	set_idle(help, rec, INTERVAL_MS * MISSES);
	run_a_while(help);
	assert_int_equal(count(help, COUNTER_CLOSE_HEARTBEAT), 0);
	assert_int_equal(body_of(help, rec)->state, RECORD_OPEN);
	(void)close(client);
}

static void
test_handshake_timeout(void **state)
{
	struct gateway_help *help = *state;
	uint32_t timeout_ms =
	    (uint32_t)help->worker.settings.websocket.handshake_timeout_ms;
	int client = gateway_help_connect(help);
	char byte;

	gateway_help_send(help, client, "GET /ws", 7);
	gateway_help_live(help, 1);
	set_idle(help, 0, timeout_ms);
	gateway_help_live(help, 0);
	assert_int_equal(count(help, COUNTER_HANDSHAKE_TIMEOUT), 1);
	assert_false(gateway_help_recv(help, client, &byte, 1));
	gateway_help_at_rest(help);
	(void)close(client);
}

static void
test_maximum_age(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	body_of(help, rec)->expiry = (uint32_t)(clock_real_ms() / 1000);
	set_idle(help, rec, 0);
	gateway_help_expect_close(help, client, WS_CLOSE_GOING_AWAY);
	assert_int_equal(count(help, COUNTER_CLOSE_AGE), 1);
	gateway_help_live(help, 0);
	(void)close(client);
}

/* A peer that does not answer our close frame. */
static void
test_close_deadline(void **state)
{
	struct gateway_help *help = *state;
	int client;
	uint32_t rec;

	help->worker.settings.websocket.close_timeout_ms = 300;
	client = gateway_help_open(help, "alice");
	rec = gateway_help_rec(help, "alice");
	gateway_clock(help->g);
	conn_close(help->g, rec, WS_CLOSE_RESTART, "go", COUNTER_CLOSE_DRAIN);
	assert_int_equal(body_of(help, rec)->state, RECORD_CLOSING);
	gateway_help_live(help, 0);
	assert_int_equal(count(help, COUNTER_CLOSE_DEADLINE), 1);
	gateway_help_at_rest(help);
	(void)close(client);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, gateway_help_setup,                 \
	    gateway_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_ping_and_pong),
		CASE(test_not_yet),
		CASE(test_dead),
		CASE(test_late_ping),
		CASE(test_ping_of_this_turn),
		CASE(test_old_ping),
		CASE(test_no_pings),
		CASE(test_paused),
		CASE(test_handshake_timeout),
		CASE(test_maximum_age),
		CASE(test_close_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
