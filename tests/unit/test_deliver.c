/* SPDX-License-Identifier: ISC */
/*
 * Entries of the ring from the relay: what the client gets, what the relay is
 * told, and that an entry has its effect once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "proto/ring_messages.h"
#include "tests/unit/gateway_help.h"
#include "worker/gateway/ws_frame.h"

static void
put_deliver(struct gateway_help *help, uint16_t kind, uint64_t token,
    uint32_t rec, uint32_t gen, const char *text)
{
	struct ring_deliver d = {
		.token = token,
		.rec = rec,
		.gen = gen,
		.opcode = WS_OP_TEXT,
	};
	struct ring_part parts[2] = { { &d, sizeof(d) },
		{ text, strlen(text) } };

	assert_int_equal(ring_put(&help->down, kind, parts, 2, NULL), 0);
	ring_wake(&help->down);
}

static void
put_kick(struct gateway_help *help, uint64_t token, uint32_t rec, uint32_t gen)
{
	struct ring_kick k = {
		.token = token,
		.rec = rec,
		.gen = gen,
		.code = WS_CLOSE_KICKED,
	};
	struct ring_part parts[2] = { { &k, sizeof(k) }, { "out", 3 } };

	assert_int_equal(ring_put(&help->down, RING_KICK, parts, 2, NULL), 0);
	ring_wake(&help->down);
}

/* The next receipt; route events before it are skipped. */
static struct ring_receipt
next_receipt(struct gateway_help *help)
{
	uint64_t end_ms = clock_mono_ms() + 5000;
	struct ring_receipt receipt;
	struct ring_entry e;
	uint16_t kind = 0;

	memset(&receipt, 0, sizeof(receipt));
	while (kind != RING_RECEIPT) {
		assert_true(clock_mono_ms() < end_ms);
		if (ring_peek(&help->up, &e) != 1) {
			event_base_loop(help->worker.base, EVLOOP_ONCE);
			continue;
		}
		kind = e.kind;
		if (kind == RING_RECEIPT) {
			assert_int_equal(e.len, sizeof(receipt));
			memcpy(&receipt, e.data, sizeof(receipt));
		}
		ring_consume(&help->up, &e);
	}
	return receipt;
}

static void
expect_receipt(struct gateway_help *help, uint64_t token,
    enum receipt_status status)
{
	struct ring_receipt receipt = next_receipt(help);

	assert_int_equal(receipt.token, token);
	assert_int_equal(receipt.status, status);
}

static void
expect_text(struct gateway_help *help, int client, const char *text)
{
	char got[256];
	size_t len;

	assert_int_equal(gateway_help_next(help, client, got, sizeof(got),
			     &len),
	    0x81);
	assert_string_equal(got, text);
}

static void
test_route_events(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	struct ring_route route;
	struct ring_entry e;

	assert_int_equal(ring_peek(&help->up, &e), 1);
	assert_int_equal(e.kind, RING_CONNECTED);
	assert_int_equal(e.len, sizeof(route) + 5);
	memcpy(&route, e.data, sizeof(route));
	assert_int_equal(route.rec, rec);
	assert_memory_equal(e.data + sizeof(route), "alice", 5);
	ring_consume(&help->up, &e);
	gateway_help_frame(help, client, 0x88, "\x03\xe8", 2);
	gateway_help_live(help, 0);
	assert_int_equal(ring_peek(&help->up, &e), 1);
	assert_int_equal(e.kind, RING_DISCONNECTED);
	memcpy(&route, e.data, sizeof(route));
	assert_int_equal(route.rec, rec);
	assert_int_equal(route.close_code, 1000);
	(void)close(client);
}

static void
test_delivered(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	uint32_t gen = help->g->table.records[rec].body.gen;
	struct ring_receipt receipt;

	put_deliver(help, RING_DELIVER, 7, rec, gen, "{\"a\":1}");
	receipt = next_receipt(help);
	assert_int_equal(receipt.token, 7);
	assert_int_equal(receipt.status, RECEIPT_DELIVERED);
	assert_int_equal(receipt.position,
	    help->g->table.records[rec].body.given);
	expect_text(help, client, "{\"a\":1}");
	/* without a token nobody is told */
	put_deliver(help, RING_DELIVER, 0, rec, gen, "quiet");
	put_deliver(help, RING_DELIVER, 8, rec, gen, "loud");
	expect_text(help, client, "quiet");
	expect_text(help, client, "loud");
	expect_receipt(help, 8, RECEIPT_DELIVERED);
	gateway_help_at_rest(help);
	(void)close(client);
}

static void
test_not_connected(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	uint32_t gen = help->g->table.records[rec].body.gen;

	put_deliver(help, RING_DELIVER, 1, rec, gen + 1, "x");
	put_deliver(help, RING_DELIVER, 2, rec + 1, gen, "x");
	put_deliver(help, RING_DELIVER, 3, HELP_CAPACITY, gen, "x");
	put_deliver(help, RING_DELIVER, 4, RECORD_NONE, gen, "x");
	put_kick(help, 5, RECORD_NONE, gen);
	for (uint64_t token = 1; token <= 5; token++)
		expect_receipt(help, token, RECEIPT_NOT_CONNECTED);
	/* one that is closing takes no more */
	gateway_help_frame(help, client, 0x88, "\x03\xe8", 2);
	put_deliver(help, RING_DELIVER, 6, rec, gen, "x");
	expect_receipt(help, 6, RECEIPT_NOT_CONNECTED);
	(void)close(client);
}

static void
test_kick(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");

	put_kick(help, 9, rec, help->g->table.records[rec].body.gen);
	gateway_help_expect_close(help, client, WS_CLOSE_KICKED);
	expect_receipt(help, 9, RECEIPT_DELIVERED);
	gateway_help_live(help, 0);
	gateway_help_at_rest(help);
	(void)close(client);
}

static void
test_broadcast(void **state)
{
	struct gateway_help *help = *state;
	int clients[5];
	struct ring_receipt receipt;

	for (int i = 0; i < 5; i++)
		clients[i] = gateway_help_open(help,
		    (const char[]){ (char)('a' + i), '\0' });
	put_deliver(help, RING_BROADCAST, 3, RECORD_NONE, 0, "all");
	receipt = next_receipt(help);
	assert_int_equal(receipt.token, 3);
	assert_int_equal(receipt.position, 5);
	for (int i = 0; i < 5; i++) {
		expect_text(help, clients[i], "all");
		(void)close(clients[i]);
	}
}

/* Whatever the relay writes, the gateway goes on. */
static void
test_nonsense(void **state)
{
	static const char junk[64];
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	struct ring_part part = { junk, 0 };

	for (int kind = 0; kind < RING_KIND_MAX + 2; kind++)
		for (part.len = 0; part.len < sizeof(struct ring_deliver);
		     part.len += 5)
			assert_int_equal(ring_put(&help->down, (uint16_t)kind,
					     &part, 1, NULL),
			    0);
	put_deliver(help, RING_DELIVER, 4, rec,
	    help->g->table.records[rec].body.gen, "after");
	expect_text(help, client, "after");
	expect_receipt(help, 4, RECEIPT_DELIVERED);
	(void)close(client);
}

/* The policy for those who do not read: close (1013), or drop. */
static void
test_slow(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	const struct record_body *b = &help->g->table.records[rec].body;
	char *text = malloc(200000);
	struct ring_receipt receipt;
	int small = 4096;
	uint64_t token = 0;

	assert_non_null(text);
	memset(text, 'x', 199999);
	text[199999] = '\0';
	help->worker.settings.websocket.max_queue = 300000;
	help->worker.settings.websocket.slow_consumer = SLOW_DROP;
	assert_int_equal(setsockopt(b->fd, SOL_SOCKET, SO_SNDBUF, &small,
			     sizeof(small)),
	    0);
	do {
		put_deliver(help, RING_DELIVER, ++token, rec, b->gen, text);
		receipt = next_receipt(help);
		assert_int_equal(receipt.token, token);
		assert_true(token < 1000);
		if (receipt.status == RECEIPT_QUEUED)
			assert_true(receipt.position > b->given);
	} while (receipt.status != RECEIPT_DROPPED);
	assert_int_equal(b->state, RECORD_OPEN);
	help->worker.settings.websocket.slow_consumer = SLOW_CLOSE;
	put_deliver(help, RING_DELIVER, ++token, rec, b->gen, text);
	receipt = next_receipt(help);
	assert_int_equal(receipt.token, token);
	assert_int_equal(receipt.status, RECEIPT_NOT_CONNECTED);
	assert_int_equal(b->state, RECORD_CLOSING);
	assert_int_equal(b->close_code, WS_CLOSE_OVERLOAD);
	(void)close(client);
	free(text);
}

/* The effect is in the records, but the tenant died before the entry was
 * consumed: the next one sees it again and knows it. */
static void
test_seen_twice(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "alice");
	uint32_t rec = gateway_help_rec(help, "alice");
	uint32_t gen = help->g->table.records[rec].body.gen;

	put_deliver(help, RING_DELIVER, 1, rec, gen, "one");
	expect_receipt(help, 1, RECEIPT_DELIVERED);
	put_deliver(help, RING_DELIVER, 2, rec, gen, "two");
	commit_store(&help->g->slot->ring_applied, ring_head_seq(&help->down));
	put_deliver(help, RING_DELIVER, 3, rec, gen, "three");
	gateway_help_start(help);
	expect_text(help, client, "one");
	expect_text(help, client, "three");
	expect_receipt(help, 3, RECEIPT_DELIVERED);
	(void)close(client);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, gateway_help_setup,                 \
	    gateway_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_route_events),
		CASE(test_delivered),
		CASE(test_not_connected),
		CASE(test_kick),
		CASE(test_broadcast),
		CASE(test_nonsense),
		CASE(test_slow),
		CASE(test_seen_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
