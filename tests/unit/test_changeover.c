/* SPDX-License-Identifier: ISC */
/*
 * What is published while a relay changes, from the word on the channel to the
 * gateway's ring: of the one that takes the slot, and of the one that gives it.
 */
#include "worker/relay/changeover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/relay_help.h"

#define OURS   77u
#define OTHERS 88u

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static int
setup(void **state)
{
	struct relay_help *help = relay_help_new();
	struct relay *relay = &help->relay;

	relay->backplane.relay = relay;
	relay->backplane.wake = evtimer_new(help->worker.base, on_wake, NULL);
	relay->changeover.relay = relay;
	relay->changeover.token = OURS;
	assert_int_equal(pushes_start(&relay->pushes, relay), 0);
	(void)open_one(&help->gateways[0].table, "alice", 5);
	*state = help;
	return 0;
}

static int
teardown(void **state)
{
	struct relay_help *help = *state;
	struct relay *relay = &help->relay;

	push_queue_clear(&relay->pushes.queue);
	push_queue_clear(&relay->pushes.held);
	push_wait_clear(&relay->pushes.wait);
	event_free(relay->pushes.again);
	event_free(relay->backplane.wake);
	relay_help_free(help);
	return 0;
}

static const char *
document(char number)
{
	static char text[128];

	(void)snprintf(text, sizeof(text),
	    "{\"target_client_id\":\"alice\",\"message_id\":\"m%c\","
	    "\"event_type\":\"t\",\"payload\":1}",
	    number);
	return text;
}

/* Digits are marks of OURS, capitals the first marks of OTHERS, small letters
 * messages. */
static void
hear(struct relay_help *help, const char *what)
{
	char mark[96];

	for (; *what != '\0'; what++) {
		const char *text = mark;
		bool is_ours = *what >= '1' && *what <= '9';

		(void)snprintf(mark, sizeof(mark),
		    "{\"holdfast\":\"mark\",\"token\":\"%u\",\"number\":%d}",
		    is_ours ? OURS : OTHERS + (unsigned char)*what,
		    is_ours ? *what - '0' : 1);
		if (*what >= 'a')
			text = document(*what);
		pushes_take(&help->relay, text, strlen(text));
	}
}

/* Just these have come to the gateway, in this order. */
static void
expect(struct relay_help *help, const char *letters)
{
	struct ring_deliver head;
	char rest[128];

	relay_help_turn(help);
	for (; *letters != '\0'; letters++) {
		assert_int_equal(relay_help_take(&help->gateways[0], &head,
				     sizeof(head), rest, sizeof(rest)),
		    RING_DELIVER);
		assert_string_equal(rest, document(*letters));
	}
	assert_int_equal(relay_help_take(&help->gateways[0], &head,
			     sizeof(head), rest, sizeof(rest)),
	    0);
}

/* The one before has ended there. */
static void
serve(struct relay_help *help, uint32_t mark)
{
	struct slot_redis *shared = &help->worker.slot->redis;

	atomic_store(&shared->mark_token, (uint64_t)OURS);
	atomic_store(&shared->mark_number, mark);
	changeover_serve(&help->relay.changeover, &help->relay);
	assert_int_equal(atomic_load(&shared->mark_number), 0);
}

static uint64_t
counted(struct relay_help *help, enum counter counter)
{
	return counter_get(relay_counters(&help->relay), counter);
}

static void
test_takes_behind_the_mark(void **state)
{
	struct relay_help *help = *state;

	help->relay.changeover.state = CHANGEOVER_BESIDE;
	hear(help, "aAb1c2d");
	expect(help, "");
	serve(help, 2);
	hear(help, "e3f");
	expect(help, "def");
	assert_int_equal(counted(help, COUNTER_PUSHES), 3);
}

static void
test_mark_comes_late(void **state)
{
	struct relay_help *help = *state;

	help->relay.changeover.state = CHANGEOVER_BESIDE;
	hear(help, "1a");
	serve(help, 3);
	hear(help, "b2cAd");
	expect(help, "");
	hear(help, "3e4f");
	expect(help, "ef");
}

/* The next subscription is one that nobody else has. */
static void
test_link_is_cut_behind(void **state)
{
	struct relay_help *help = *state;

	help->relay.changeover.state = CHANGEOVER_BESIDE;
	serve(help, 1);
	hear(help, "a");
	changeover_pushes_link(&help->relay.changeover, false);
	hear(help, "b");
	expect(help, "b");
}

static void
test_gives_at_the_mark(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;

	over->state = CHANGEOVER_EXPECTS;
	/* One of its own time as a taker is none. */
	hear(help, "a9b");
	assert_false(changeover_is_parted(over));
	hear(help, "AcAd");
	assert_true(changeover_is_parted(over));
	expect(help, "ab");
	assert_int_equal(atomic_load(&help->worker.slot->redis.mark_token),
	    OTHERS + 'A');
	assert_int_equal(atomic_load(&help->worker.slot->redis.mark_number), 1);
}

/* It stays: what was held comes in its place. */
static void
test_keeps(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;

	over->state = CHANGEOVER_EXPECTS;
	hear(help, "aAbc");
	changeover_keep(over);
	hear(help, "dAe");
	expect(help, "abcde");
	assert_int_equal(counted(help, COUNTER_PUSHES), 5);
	assert_int_equal(atomic_load(&help->worker.slot->redis.mark_number), 0);
	/* The next taker's mark counts, and no late one of the last. */
	over->state = CHANGEOVER_EXPECTS;
	hear(help, "fAgBh");
	expect(help, "fg");
	assert_int_equal(atomic_load(&help->worker.slot->redis.mark_token),
	    OTHERS + 'B');
}

/* The same without a mark: what comes late is known from then on. */
static void
test_keeps_unmarked(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;

	over->state = CHANGEOVER_EXPECTS;
	hear(help, "a");
	changeover_end(over);
	assert_true(changeover_is_parted(over));
	hear(help, "bAc");
	expect(help, "a");
	changeover_keep(over);
	expect(help, "bc");
	over->state = CHANGEOVER_EXPECTS;
	hear(help, "AdBe");
	expect(help, "d");
}

/* Told to give while its own mark is still to come: what is before that is the
 * last one's. */
static void
test_gives_from_behind(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;

	over->state = CHANGEOVER_BESIDE;
	serve(help, 2);
	over->state = CHANGEOVER_DUE;
	assert_false(changeover_is_parted(over));
	hear(help, "aAb2cBd");
	expect(help, "c");
	assert_true(changeover_is_parted(over));
	assert_int_equal(atomic_load(&help->worker.slot->redis.mark_token),
	    OTHERS + 'B');
}

/* What has no room is counted, and the rest keeps its order. */
static void
test_overflow(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;

	over->state = CHANGEOVER_PARTED;
	help->relay.pushes.held.max_bytes = 2 *
	    (sizeof(struct push_item) + strlen(document('a')));
	hear(help, "abcd");
	assert_int_equal(over->missed, 2);
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 0);
	changeover_keep(over);
	hear(help, "e");
	expect(help, "abe");
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 2);
}

/* Beside a relay that leaves slowly: what that one has delivered gives way, and
 * only what it has not is missed. */
static void
test_leaves_slowly(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;
	struct push_queue *queue = &help->relay.pushes.queue;

	over->state = CHANGEOVER_BESIDE;
	queue->max_bytes = 3 *
	    (2 * sizeof(struct push_item) + strlen(document('a')));
	hear(help, "1a2b3c4d5e6f");
	assert_int_equal(over->missed, 0);
	assert_true(over->cut >= 3);
	serve(help, 5);
	expect(help, "ef");
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), 0);
}

static void
test_leaves_before_the_cut(void **state)
{
	struct relay_help *help = *state;
	struct changeover *over = &help->relay.changeover;
	struct push_queue *queue = &help->relay.pushes.queue;
	uint64_t cut;

	over->state = CHANGEOVER_BESIDE;
	queue->max_bytes = 3 *
	    (2 * sizeof(struct push_item) + strlen(document('a')));
	hear(help, "1a2b3c4d5e6f");
	cut = over->cut;
	serve(help, 1);
	expect(help, "ef");
	assert_int_equal(counted(help, COUNTER_DISPATCH_BUSY), cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_takes_behind_the_mark,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_comes_late, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_link_is_cut_behind, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_gives_at_the_mark, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeps_unmarked, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_gives_from_behind, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_slowly, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_leaves_before_the_cut,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
