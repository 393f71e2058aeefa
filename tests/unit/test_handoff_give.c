/* SPDX-License-Identifier: ISC */
/*
 * Givers of a slot whose taker lies, breaks off or says nothing: they find out,
 * and have the slot as before.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/slot_owner.h"
#include "tests/unit/handoff_help.h"
#include "worker/handoff.h"

static void
say_hello_with(struct handoff_rig *rig, uint32_t protocol, uint32_t slot,
    uint64_t nonce, const uint32_t *layouts, size_t count)
{
	Holdfast__TakeHello body = HOLDFAST__TAKE_HELLO__INIT;
	char build[] = "liar";
	uint32_t copy[1000];

	memcpy(copy, layouts, count * sizeof(*copy));
	body.protocol = protocol;
	body.build = build;
	body.slot = slot;
	body.nonce = nonce;
	body.layout = copy;
	body.n_layout = count;
	assert_int_equal(channel_send(&rig->peer, MSG_TAKE_HELLO, &body.base,
			     NULL, 0),
	    0);
}

static const uint32_t ours = SLOT_LAYOUT;

static void
say_hello(struct handoff_rig *rig)
{
	say_hello_with(rig, MESSAGE_PROTOCOL, 3, 77, &ours, 1);
}

static void
say_ack(struct handoff_rig *rig, uint32_t count)
{
	Holdfast__TakeAck body = HOLDFAST__TAKE_ACK__INIT;

	body.connections = count;
	assert_int_equal(channel_send(&rig->peer, MSG_TAKE_ACK, &body.base,
			     NULL, 0),
	    0);
}

static void
say_done(struct handoff_rig *rig)
{
	Holdfast__TakeDone body = HOLDFAST__TAKE_DONE__INIT;

	body.connections = RIG_CLIENTS;
	assert_int_equal(channel_send(&rig->peer, MSG_TAKE_DONE, &body.base,
			     NULL, 0),
	    0);
}

static void
take_silence(struct handoff_rig *rig)
{
	(void)rig;
}

static void
take_end(struct handoff_rig *rig)
{
	channel_clear(&rig->peer);
}

static void
take_garbage(struct handoff_rig *rig)
{
	assert_int_equal(send(rig->peer.fd, "\0", 1, 0), 1);
}

static void
take_other_protocol(struct handoff_rig *rig)
{
	say_hello_with(rig, MESSAGE_PROTOCOL + 1, 3, 77, &ours, 1);
}

static void
take_other_slot(struct handoff_rig *rig)
{
	say_hello_with(rig, MESSAGE_PROTOCOL, 4, 77, &ours, 1);
}

static void
take_other_nonce(struct handoff_rig *rig)
{
	say_hello_with(rig, MESSAGE_PROTOCOL, 3, 78, &ours, 1);
}

static void
take_no_layout(struct handoff_rig *rig)
{
	say_hello_with(rig, MESSAGE_PROTOCOL, 3, 77, &ours, 0);
}

static void
take_unknown_layouts(struct handoff_rig *rig)
{
	uint32_t layouts[1000];

	for (uint32_t i = 0; i < 1000; i++)
		layouts[i] = SLOT_LAYOUT + 1 + i;
	say_hello_with(rig, MESSAGE_PROTOCOL, 3, 77, layouts, 1000);
}

static void
take_hello_only(struct handoff_rig *rig)
{
	say_hello(rig);
}

static void
take_hello_twice(struct handoff_rig *rig)
{
	say_hello(rig);
	say_hello(rig);
}

static void
take_miscounted(struct handoff_rig *rig)
{
	say_hello(rig);
	say_ack(rig, RIG_CLIENTS - 1);
	say_done(rig);
}

static void
take_huge_count(struct handoff_rig *rig)
{
	say_hello(rig);
	say_ack(rig, UINT32_MAX);
	say_done(rig);
}

static void
take_done_early(struct handoff_rig *rig)
{
	say_hello(rig);
	say_done(rig);
}

/* It says so, but the owner word says something else. */
static void
take_done_falsely(struct handoff_rig *rig)
{
	say_hello(rig);
	say_ack(rig, RIG_CLIENTS);
	say_done(rig);
}

static void
take_ack_twice(struct handoff_rig *rig)
{
	say_hello(rig);
	say_ack(rig, RIG_CLIENTS);
	say_ack(rig, RIG_CLIENTS);
}

static void
take_never_done(struct handoff_rig *rig)
{
	say_hello(rig);
	say_ack(rig, RIG_CLIENTS);
}

static void
test_lying_takers(void **state)
{
	static void (*const lies[])(struct handoff_rig *) = { take_silence,
		take_end, take_garbage, take_other_protocol, take_other_slot,
		take_other_nonce, take_no_layout, take_unknown_layouts,
		take_hello_only, take_hello_twice, take_miscounted,
		take_huge_count, take_done_early, take_done_falsely,
		take_ack_twice, take_never_done };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const char *reason = NULL;
		struct handoff_rig rig;

		handoff_rig_open(&rig, true);
		lies[i](&rig);
		assert_true(handoff_give(&rig.worker, &reason) < 0);
		assert_non_null(reason);
		assert_false(slot_owner_has_moved(&rig.given.header->owner));
		/* It can be given again. */
		assert_int_equal(slot_owner_give(&rig.given.header->owner,
				     RIG_GENERATION, &rig.token),
		    0);
		assert_clients_open(&rig);
		handoff_rig_close(&rig);
	}
}

/* It is gone by the time it should say so: the owner word counts. */
static void
test_silent_true_taker(void **state)
{
	const char *reason = NULL;

	(void)state;
	for (int says_done = 0; says_done < 2; says_done++) {
		struct handoff_rig rig;

		handoff_rig_open(&rig, true);
		rig.commits = true;
		say_hello(&rig);
		say_ack(&rig, RIG_CLIENTS);
		if (says_done)
			say_done(&rig);
		assert_int_equal(handoff_give(&rig.worker, &reason), 0);
		assert_true(slot_owner_has_moved(&rig.given.header->owner));
		assert_clients_open(&rig);
		handoff_rig_close(&rig);
	}
}

static void
say_hello_early(struct handoff_rig *rig)
{
	Holdfast__TakeHello body = HOLDFAST__TAKE_HELLO__INIT;
	uint32_t layout = SLOT_LAYOUT;
	char build[] = "test";

	body.protocol = MESSAGE_PROTOCOL;
	body.build = build;
	body.slot = 3;
	body.nonce = 77;
	body.n_layout = 1;
	body.layout = &layout;
	body.has_early = body.early = true;
	assert_int_equal(channel_send(&rig->peer, MSG_TAKE_HELLO, &body.base,
			     NULL, 0),
	    0);
}

static void
run_early(struct handoff_rig *rig)
{
	rig->worker.channel.fd = -1;
	rig->worker.base = event_base_new();
	assert_non_null(rig->worker.base);
	assert_int_equal(handoff_give_early(&rig->worker), 0);
	assert_true(worker_copies_exist(&rig->worker));
	assert_true(event_base_dispatch(rig->worker.base) >= 0);
	assert_null(rig->worker.giver);
	event_base_free(rig->worker.base);
}

static uint32_t
next_window(struct handoff_rig *rig)
{
	struct message m;
	uint32_t count;

	assert_int_equal(channel_recv(&rig->peer, &m), 1);
	assert_int_equal(m.kind, MSG_GIVE_SOCKETS);
	count = (uint32_t)((Holdfast__GiveSockets *)m.body)->n_gen;
	message_clear(&m);
	return count;
}

/* What was given while the clients were served is given once, but for what has
 * changed. */
static void
test_early(void **state)
{
	(void)state;
	for (int changes = 0; changes < 2; changes++) {
		struct handoff_rig rig;
		struct message m;

		handoff_rig_open(&rig, true);
		rig.commits = true;
		rig.changes = changes;
		say_hello_early(&rig);
		say_ack(&rig, RIG_CLIENTS);
		if (changes)
			say_ack(&rig, RIG_CLIENTS + 1);
		say_done(&rig);
		run_early(&rig);
		assert_true(rig.worker.is_leaving);
		assert_true(slot_owner_has_moved(&rig.given.header->owner));
		assert_int_equal(next_window(&rig), RIG_CLIENTS);
		assert_int_equal(channel_recv(&rig.peer, &m), 1);
		assert_int_equal(m.kind, MSG_GIVE_BEGIN);
		message_clear(&m);
		if (changes)
			assert_int_equal(next_window(&rig), 1);
		assert_int_equal(channel_recv(&rig.peer, &m), 1);
		assert_int_equal(m.kind, MSG_GIVE_END);
		message_clear(&m);
		assert_clients_open(&rig);
		handoff_rig_close(&rig);
	}
}

static void
take_early_end(struct handoff_rig *rig)
{
	say_hello_early(rig);
	channel_clear(&rig->peer);
}

static void
take_early_miscounted(struct handoff_rig *rig)
{
	say_hello_early(rig);
	say_ack(rig, RIG_CLIENTS + 1);
}

static void
take_early_ack_first(struct handoff_rig *rig)
{
	say_ack(rig, 0);
}

static void
take_early_done(struct handoff_rig *rig)
{
	say_hello_early(rig);
	say_done(rig);
}

static void
take_early_silence(struct handoff_rig *rig)
{
	say_hello_early(rig);
}

static void
test_lying_early(void **state)
{
	static void (*const lies[])(struct handoff_rig *) = { take_silence,
		take_end, take_garbage, take_other_protocol, take_no_layout,
		take_hello_twice, take_early_end, take_early_miscounted,
		take_early_ack_first, take_early_done, take_early_silence };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct handoff_rig rig;

		handoff_rig_open(&rig, true);
		lies[i](&rig);
		run_early(&rig);
		assert_false(rig.worker.is_leaving);
		assert_int_equal(slot_owner_give(&rig.given.header->owner,
				     RIG_GENERATION, &rig.token),
		    0);
		assert_clients_open(&rig);
		handoff_rig_close(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lying_takers),
		cmocka_unit_test(test_silent_true_taker),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_lying_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
