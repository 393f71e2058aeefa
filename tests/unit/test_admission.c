/* SPDX-License-Identifier: ISC */
/*
 * Who may come in: every refusal that is made before 101, with its status, and
 * the word of GET /healthz.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "proto/node_poison.h"
#include "tests/unit/gateway_help.h"
#include "worker/gateway/admission.h"
#include "worker/gateway/conn.h"

/* A client that asks once and is refused, or let in and gone again. */
static void
expect(struct gateway_help *help, const char *target, int status,
    const char *in_head, enum counter cause)
{
	struct counters *counters = gateway_counters(help->g);
	uint64_t before = counter_get(counters, cause);
	int client = gateway_help_connect(help);
	char head[1024], byte;

	assert_int_equal(gateway_help_request(help, client, target, head,
			     sizeof(head)),
	    status);
	if (in_head != NULL && strstr(head, in_head) == NULL)
		fail_msg("%s not in %s", in_head, head);
	assert_int_equal(counter_get(counters, cause), before + 1);
	/* a refusal is followed by the end, not by a reset */
	while (status != 101 && gateway_help_recv(help, client, &byte, 1))
		;
	(void)close(client);
	gateway_help_live(help, 0);
	gateway_help_at_rest(help);
}

static void
test_plain(void **state)
{
	struct gateway_help *help = *state;

	expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
	expect(help, "/other", 404, NULL, COUNTER_HANDSHAKE_NOT_FOUND);
	expect(help, "/ws?client_id=%00", 400, NULL,
	    COUNTER_HANDSHAKE_BAD_REQUEST);
	expect(help, "/healthz", 200, NULL, COUNTER_HANDSHAKE_HEALTHZ);
}

static void
test_draining(void **state)
{
	struct gateway_help *help = *state;

	atomic_store(&help->worker.node.shared->draining, 1);
	atomic_store(&help->worker.node.shared->retry_after_ms, 60000);
	expect(help, "/ws", 503, "Retry-After:", COUNTER_HANDSHAKE_DRAINING);
	expect(help, "/healthz", 503, NULL, COUNTER_HANDSHAKE_HEALTHZ);
	atomic_store(&help->worker.node.shared->draining, 0);
	expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
}

/* While clients of another node come back: spread, and not too many. */
static void
test_storm(void **state)
{
	struct gateway_help *help = *state;
	struct node_shared *node = help->worker.node.shared;
	uint64_t sum = 0;
	uint32_t i, ms;

	atomic_store(&node->retry_after_ms, 1000);
	atomic_store(&node->spread_ms, 60000);
	for (i = 0; i < 1000; i++) {
		ms = admission_retry_ms(help->g);
		assert_in_range(ms, 1000, 60000);
		sum += ms;
	}
	assert_in_range(sum / 1000, 25000, 35000);
	/* A window that ends in a moment is no reason to come at once. */
	atomic_store(&node->spread_ms, 10);
	assert_in_range(admission_retry_ms(help->g), 1000, 2000);
	help->g->handshake_rate = token_rate_make(500, 50);
	assert_int_equal(admission_rate(help->g).per_second, 500);
	atomic_store(&node->handshake_limit, 3);
	assert_int_equal(admission_rate(help->g).per_second, 3);
	assert_int_equal(admission_rate(help->g).burst, 1);
}

/* Capacity counts all slots of the node; the one that asks counts itself. */
static void
test_capacity(void **state)
{
	struct gateway_help *help = *state;
	struct node_shared *node = help->worker.node.shared;

	atomic_store(&node->capacity, 10);
	atomic_store(&node->slot[0].open, 9);
	expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
	atomic_store(&node->slot[0].open, 10);
	expect(help, "/ws", 503, "Retry-After:", COUNTER_HANDSHAKE_CAPACITY);
	expect(help, "/healthz", 503, NULL, COUNTER_HANDSHAKE_HEALTHZ);
}

static void
expect_full(struct gateway_help *help)
{
	int client = gateway_help_connect(help);
	char head[1024];

	assert_int_equal(gateway_help_request(help, client, "/ws", head,
			     sizeof(head)),
	    503);
	assert_non_null(strstr(head, "Retry-After:"));
	(void)close(client);
}

/* Nor do those who are being refused take a place from who is not. */
static void
test_capacity_beside_refused(void **state)
{
	struct gateway_help *help = *state;
	struct node_shared *node = help->worker.node.shared;
	int clients[3], refused[4];
	char head[1024];

	atomic_store(&node->capacity, 3);
	clients[0] = gateway_help_open(help, "a");
	for (int i = 0; i < 4; i++) {
		refused[i] = gateway_help_connect(help);
		assert_int_equal(gateway_help_request(help, refused[i],
				     "/other", head, sizeof(head)),
		    404);
	}
	gateway_help_live(help, 5);
	clients[1] = gateway_help_open(help, "b");
	assert_int_equal(atomic_load(&node->slot[HELP_SLOT].held), 2);
	/* One that is on its way does. */
	clients[2] = gateway_help_connect(help);
	gateway_help_live(help, 7);
	assert_int_equal(atomic_load(&node->slot[HELP_SLOT].held), 3);
	expect_full(help);
	/* The next tenant counts the same. */
	gateway_help_start(help);
	assert_int_equal(atomic_load(&node->slot[HELP_SLOT].held), 3);
	for (int i = 0; i < 3; i++)
		(void)close(clients[i]);
	for (int i = 0; i < 4; i++)
		(void)close(refused[i]);
	gateway_help_live(help, 0);
	assert_int_equal(atomic_load(&node->slot[HELP_SLOT].held), 0);
}

static void
test_per_address(void **state)
{
	struct gateway_help *help = *state;
	int first, second;

	help->worker.settings.admission.max_per_ip = 2;
	first = gateway_help_open(help, "a");
	second = gateway_help_open(help, "b");
	(void)close(second);
	gateway_help_live(help, 1);
	second = gateway_help_open(help, "c");
	for (int i = 0; i < 3; i++) {
		int third = gateway_help_connect(help);
		char head[1024];

		assert_int_equal(gateway_help_request(help, third, "/ws", head,
				     sizeof(head)),
		    429);
		(void)close(third);
		gateway_help_live(help, 2);
	}
	/* the next tenant counts them again, and not twice */
	gateway_help_start(help);
	(void)close(first);
	(void)close(second);
	gateway_help_live(help, 0);
	first = gateway_help_open(help, "a");
	second = gateway_help_open(help, "b");
	(void)close(first);
	(void)close(second);
}

static void
test_poisoned(void **state)
{
	struct gateway_help *help = *state;
	uint32_t now_s = (uint32_t)(clock_mono_us() / 1000000);
	uint64_t key = conn_client_key(help->g, "mallory", 7);

	(void)node_poison_fault(&help->worker.node, key, 1, 60, now_s);
	expect(help, "/ws?client_id=mallory", 503, NULL,
	    COUNTER_HANDSHAKE_POISONED);
	expect(help, "/ws?client_id=alice", 101, NULL, COUNTER_HANDSHAKE_OK);
}

/* Over the rate: the backlog holds clients for admission.queue, then 503. */
static void
test_rate(void **state)
{
	struct gateway_help *help = *state;
	uint64_t began_ms;

	help->worker.settings.admission.handshakes_per_second = 1;
	help->worker.settings.admission.burst = 2;
	help->worker.settings.admission.queue_ms = 100;
	gateway_apply_settings(help->g);
	expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
	expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
	began_ms = clock_mono_ms();
	expect(help, "/ws", 503, "Retry-After:", COUNTER_HANDSHAKE_RATE);
	assert_in_range(clock_mono_ms() - began_ms, 90, 900);
}

/* A browser that was refused asks when to come back: also one whose question
 * got the token that came meanwhile. */
static void
test_busy(void **state)
{
	struct gateway_help *help = *state;
	char head[1024];
	int client;

	help->worker.settings.admission.handshakes_per_second = 1;
	help->worker.settings.admission.burst = 1;
	help->worker.settings.admission.queue_ms = 100;
	gateway_apply_settings(help->g);
	expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
	expect(help, "/healthz", 503, NULL, COUNTER_HANDSHAKE_HEALTHZ);
	help->worker.settings.admission.handshakes_per_second = 20;
	help->worker.settings.admission.queue_ms = 5000;
	gateway_apply_settings(help->g);
	atomic_store(&help->worker.node.shared->handshake_tat,
	    clock_mono_ns() + 200000000);
	client = gateway_help_connect(help);
	assert_int_equal(gateway_help_request(help, client, "/healthz", head,
			     sizeof(head)),
	    503);
	assert_non_null(strstr(head, "Retry-After:"));
	(void)close(client);
	/* Nobody has had to wait since then. */
	gateway_help_live(help, 0);
	help->g->rate_short_us -= 1000000;
	atomic_store(&help->worker.node.shared->handshake_tat, 0);
	expect(help, "/healthz", 200, NULL, COUNTER_HANDSHAKE_HEALTHZ);
}

/* Who opens no WebSocket takes no handshake from those who do. */
static void
test_no_handshake(void **state)
{
	struct gateway_help *help = *state;

	help->worker.settings.admission.handshakes_per_second = 1;
	help->worker.settings.admission.burst = 1;
	help->worker.settings.admission.queue_ms = 0;
	gateway_apply_settings(help->g);
	for (int i = 0; i < 3; i++) {
		expect(help, "/healthz", 200, NULL, COUNTER_HANDSHAKE_HEALTHZ);
		expect(help, "/holdfast.js", 200, NULL,
		    COUNTER_HANDSHAKE_HEALTHZ);
		expect(help, "/other", 404, NULL, COUNTER_HANDSHAKE_NOT_FOUND);
	}
	expect(help, "/ws?client_id=%00", 400, NULL,
	    COUNTER_HANDSHAKE_BAD_REQUEST);
	expect(help, "/ws", 503, "Retry-After:", COUNTER_HANDSHAKE_RATE);
}

/* What waits in the backlog is served as tokens come. */
static void
test_queue(void **state)
{
	struct gateway_help *help = *state;

	help->worker.settings.admission.handshakes_per_second = 20;
	help->worker.settings.admission.burst = 1;
	help->worker.settings.admission.queue_ms = 2000;
	gateway_apply_settings(help->g);
	for (int i = 0; i < 5; i++)
		expect(help, "/ws", 101, NULL, COUNTER_HANDSHAKE_OK);
	assert_true(counter_get(gateway_counters(help->g),
			COUNTER_ACCEPT_PAUSED_RATE) > 0);
}

static void
test_proxy(void **state)
{
	struct gateway_help *help = *state;

	help->worker.settings.auth.mode = AUTH_PROXY;
	expect(help, "/ws?client_id=alice", 401, NULL,
	    COUNTER_HANDSHAKE_UNAUTHORIZED);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, gateway_help_setup,                 \
	    gateway_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_plain),
		CASE(test_draining),
		CASE(test_storm),
		CASE(test_capacity),
		CASE(test_capacity_beside_refused),
		CASE(test_per_address),
		CASE(test_poisoned),
		CASE(test_rate),
		CASE(test_busy),
		CASE(test_no_handshake),
		CASE(test_queue),
		CASE(test_proxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
