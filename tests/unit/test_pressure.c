/* SPDX-License-Identifier: ISC */
/*
 * Who has to go when the arena is nearly used up, and who stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/ring_messages.h"
#include "tests/unit/gateway_help.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/pressure.h"
#include "worker/gateway/ws_frame.h"

#define PART 60000u

static const struct record_body *
body_of(struct gateway_help *help, uint32_t rec)
{
	return &help->g->table.records[rec].body;
}

static uint32_t
waiting(struct gateway_help *help, uint32_t rec)
{
	const struct record_busy *busy;

	if (body_of(help, rec)->busy == 0)
		return 0;
	busy = arena_at(help->g->arena, body_of(help, rec)->busy);
	return busy->out_ref == 0 ? 0 : busy->out_len;
}

struct fed {
	struct gateway_help *help;
	uint64_t seq;
};

static bool
is_applied(void *arg)
{
	const struct fed *fed = arg;

	return atomic_load(&fed->help->g->slot->ring_applied) >= fed->seq;
}

/* Delivers to a client that does not read until so much waits for it. */
static void
feed(struct gateway_help *help, uint32_t rec, uint32_t bytes)
{
	struct ring_deliver d = {
		.rec = rec,
		.gen = body_of(help, rec)->gen,
		.opcode = WS_OP_TEXT,
	};
	char *text = malloc(PART);
	struct ring_part parts[2] = { { &d, sizeof(d) }, { text, PART } };
	struct fed fed = { .help = help };

	assert_non_null(text);
	memset(text, 'x', PART);
	while (waiting(help, rec) < bytes) {
		assert_int_equal(ring_put(&help->down, RING_DELIVER, parts, 2,
				     &fed.seq),
		    0);
		ring_wake(&help->down);
		gateway_help_until(help, is_applied, &fed);
		assert_int_equal(body_of(help, rec)->state, RECORD_OPEN);
	}
	free(text);
}

static void
test_slowest_goes(void **state)
{
	struct gateway_help *help = *state;
	int clients[3] = { gateway_help_open(help, "fast"),
		gateway_help_open(help, "slow"),
		gateway_help_open(help, "slower") };
	uint32_t fast = gateway_help_rec(help, "fast");
	uint32_t slow = gateway_help_rec(help, "slow");
	uint32_t slower = gateway_help_rec(help, "slower");
	struct arena *arena;

	help->worker.settings.websocket.max_queue = 64u << 20;
	feed(help, slow, 200000);
	feed(help, slower, 900000);
	arena = help->g->arena;

	/* There is room. */
	arena_set_limit(arena, arena_used(arena) * 2);
	pressure_relieve(help->g, 0);
	assert_int_equal(body_of(help, slower)->state, RECORD_OPEN);

	/* There is, but not for this. */
	arena_set_limit(arena, arena_used(arena) * 5 / 4);
	pressure_relieve(help->g, 1000);
	assert_int_equal(body_of(help, slower)->state, RECORD_OPEN);
	pressure_relieve(help->g, arena_used(arena) / 4);
	assert_int_equal(body_of(help, slower)->state, RECORD_FREE);
	assert_int_equal(body_of(help, slow)->state, RECORD_OPEN);
	assert_int_equal(body_of(help, fast)->state, RECORD_OPEN);
	assert_int_equal(help->g->slot->counters.value[COUNTER_CLOSE_SLOW], 1);

	/* Nobody is slow: nobody goes, whatever is needed. */
	arena_set_limit(arena, arena_used(arena));
	pressure_relieve(help->g, 0);
	assert_int_equal(body_of(help, slow)->state, RECORD_FREE);
	pressure_relieve(help->g, UINT64_MAX);
	assert_int_equal(body_of(help, fast)->state, RECORD_OPEN);
	for (int i = 0; i < 3; i++)
		(void)close(clients[i]);
}

static void
test_need(void **state)
{
	struct gateway_help *help = *state;
	int client = gateway_help_open(help, "slow");
	uint32_t rec = gateway_help_rec(help, "slow"), had;

	assert_int_equal(pressure_need(help->g, rec, 1000), 1000);
	help->worker.settings.websocket.max_queue = 64u << 20;
	feed(help, rec, 200000);
	had = waiting(help, rec);
	assert_int_equal(pressure_need(help->g, rec, 0), 0);
	assert_true(pressure_need(help->g, rec, 10000000) > had + 10000000u);
	(void)close(client);
}

#define CASE(f)                                                                \
	cmocka_unit_test_setup_teardown(f, gateway_help_setup,                 \
	    gateway_help_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_slowest_goes),
		CASE(test_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
