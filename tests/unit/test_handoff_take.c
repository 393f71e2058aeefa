/* SPDX-License-Identifier: ISC */
/*
 * Takers of a slot whose giver lies or breaks off: they find out, the slot is
 * where it was, and its clients' sockets are open.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/slot_owner.h"
#include "tests/unit/handoff_help.h"
#include "worker/fd_sweep.h"
#include "worker/handoff.h"

static void
say_begin_with(struct handoff_rig *rig, uint32_t layout, uint64_t token,
    int table_fd, int owner_fd)
{
	Holdfast__GiveBegin body = HOLDFAST__GIVE_BEGIN__INIT;
	int fds[2] = { table_fd, owner_fd };

	body.layout = layout;
	body.token = token;
	assert_int_equal(channel_send(&rig->peer, MSG_GIVE_BEGIN, &body.base,
			     fds, 2),
	    0);
}

static void
say_begin(struct handoff_rig *rig)
{
	say_begin_with(rig, SLOT_LAYOUT, rig->token, rig->given_fd,
	    rig->given_fd);
}

/* gen: of all of them; NULL: as an older version would. */
static void
say_sockets_of(struct handoff_rig *rig, const uint32_t *recs, uint32_t count,
    const uint32_t *gen)
{
	uint32_t gens[CHANNEL_MAX_FDS];
	Holdfast__GiveSockets body = HOLDFAST__GIVE_SOCKETS__INIT;
	uint32_t copy[CHANNEL_MAX_FDS];
	int fds[CHANNEL_MAX_FDS];

	for (uint32_t i = 0; i < count; i++) {
		copy[i] = recs[i];
		fds[i] = rig->sockets[recs[i] % RIG_CLIENTS];
	}
	body.rec = copy;
	body.n_rec = count;
	for (uint32_t i = 0; gen != NULL && i < count; i++)
		gens[i] = *gen;
	body.gen = gens;
	body.n_gen = gen != NULL ? count : 0;
	assert_int_equal(channel_send(&rig->peer, MSG_GIVE_SOCKETS, &body.base,
			     fds, (int)count),
	    0);
}

static void
say_sockets(struct handoff_rig *rig, const uint32_t *recs, uint32_t count)
{
	say_sockets_of(rig, recs, count, NULL);
}

/* Before it stands still. */
static void
say_early(struct handoff_rig *rig, const uint32_t *recs, uint32_t count)
{
	say_sockets_of(rig, recs, count, &rig->given.records[0].body.gen);
}

static void
say_end(struct handoff_rig *rig, uint32_t count)
{
	Holdfast__GiveEnd body = HOLDFAST__GIVE_END__INIT;

	body.connections = count;
	assert_int_equal(channel_send(&rig->peer, MSG_GIVE_END, &body.base,
			     NULL, 0),
	    0);
}

static const uint32_t all[RIG_CLIENTS] = { 0, 1, 2, 3, 4 };

static void
give_truly(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, all, 2);
	say_sockets(rig, (const uint32_t[]){ 2, 3, 4, RECORD_NONE }, 4);
	say_end(rig, RIG_CLIENTS + 1);
}

static void
give_silence(struct handoff_rig *rig)
{
	channel_clear(&rig->peer);
}

static void
give_garbage(struct handoff_rig *rig)
{
	say_begin(rig);
	assert_int_equal(send(rig->peer.fd, "\377\377\377\377", 4, 0), 4);
}

static void
give_wrong_order(struct handoff_rig *rig)
{
	say_sockets(rig, all, RIG_CLIENTS);
	say_begin(rig);
	say_end(rig, RIG_CLIENTS);
}

static void
give_end_first(struct handoff_rig *rig)
{
	say_early(rig, all, RIG_CLIENTS);
	say_end(rig, RIG_CLIENTS);
}

static void
give_early_twice(struct handoff_rig *rig)
{
	uint32_t gen = rig->given.records[0].body.gen + 1;

	say_early(rig, all, RIG_CLIENTS);
	say_sockets_of(rig, all, 1, &gen);
}

static void
give_early_again(struct handoff_rig *rig)
{
	say_early(rig, all, RIG_CLIENTS);
	say_begin(rig);
	say_early(rig, all, 1);
	say_end(rig, RIG_CLIENTS + 1);
}

static void
give_early_only(struct handoff_rig *rig)
{
	say_early(rig, all, RIG_CLIENTS);
	channel_clear(&rig->peer);
}

/* It was another connection's by the time it stood still. */
static void
give_outdated(struct handoff_rig *rig)
{
	say_early(rig, all, RIG_CLIENTS);
	rig->given.records[1].body.gen++;
	say_begin(rig);
	say_end(rig, RIG_CLIENTS);
}

static void
give_twice(struct handoff_rig *rig)
{
	say_begin(rig);
	say_begin(rig);
}

static void
give_unknown_layout(struct handoff_rig *rig)
{
	say_begin_with(rig, SLOT_LAYOUT + 1, rig->token, rig->given_fd,
	    rig->given_fd);
}

static void
give_no_tables(struct handoff_rig *rig)
{
	say_begin_with(rig, SLOT_LAYOUT, rig->token, rig->sockets[0],
	    rig->sockets[1]);
}

static void
give_small_table(struct handoff_rig *rig)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("small", 64, &fd), 0);
	say_begin_with(rig, SLOT_LAYOUT, rig->token, fd, fd);
	close(fd);
}

static void
give_other_slot(struct handoff_rig *rig)
{
	rig->given.header->nonce++;
	say_begin(rig);
}

static void
give_other_magic(struct handoff_rig *rig)
{
	rig->given.header->magic++;
	say_begin(rig);
}

static void
give_huge_capacity(struct handoff_rig *rig)
{
	rig->given.header->capacity = UINT32_MAX;
	say_begin(rig);
}

static void
give_more_than_there_are(struct handoff_rig *rig)
{
	atomic_store(&rig->given.header->high_water, RIG_CAPACITY + 1);
	give_truly(rig);
}

static void
give_begin_only(struct handoff_rig *rig)
{
	say_begin(rig);
	channel_clear(&rig->peer);
}

static void
give_half(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, all, 2);
	channel_clear(&rig->peer);
}

static void
give_one_twice(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, (const uint32_t[]){ 0, 1, 1 }, 3);
}

static void
give_one_again(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, all, RIG_CLIENTS);
	say_sockets(rig, all + 4, 1);
	say_end(rig, RIG_CLIENTS + 1);
}

static void
give_no_such_record(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, (const uint32_t[]){ 0, RIG_CAPACITY }, 2);
}

static void
give_huge_record(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, (const uint32_t[]){ 0, UINT32_MAX - 1 }, 2);
}

static void
give_one_too_few(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, all, RIG_CLIENTS - 1);
	say_end(rig, RIG_CLIENTS - 1);
}

static void
give_none(struct handoff_rig *rig)
{
	say_begin(rig);
	say_end(rig, 0);
}

static void
give_miscounted(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, all, RIG_CLIENTS);
	say_end(rig, RIG_CLIENTS + 1);
}

static void
give_huge_count(struct handoff_rig *rig)
{
	say_begin(rig);
	say_sockets(rig, all, RIG_CLIENTS);
	say_end(rig, UINT32_MAX);
}

/* Two names and one socket: not what channel_send() would send. */
static void
give_nameless(struct handoff_rig *rig)
{
	static const uint8_t packet[] = { MSG_GIVE_SOCKETS, 0, 8, 0, 8, 1 };
	struct iovec iov = { (void *)(uintptr_t)packet, sizeof(packet) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { { 0 } };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	say_begin(rig);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &rig->sockets[0], sizeof(int));
	assert_int_equal(sendmsg(rig->peer.fd, &msg, 0), sizeof(packet));
}

static void
give_no_token(struct handoff_rig *rig)
{
	rig->token = 0;
	give_truly(rig);
}

/* That of an attempt that is over. */
static void
give_old_token(struct handoff_rig *rig)
{
	_Atomic uint64_t *owner = &rig->given.header->owner;
	uint64_t token;

	assert_true(slot_owner_take_back(owner, rig->token));
	assert_int_equal(slot_owner_give(owner, RIG_GENERATION, &token), 0);
	give_truly(rig);
}

static void
give_taken_back(struct handoff_rig *rig)
{
	assert_true(
	    slot_owner_take_back(&rig->given.header->owner, rig->token));
	give_truly(rig);
}

static void
test_lying_givers(void **state)
{
	static void (*const lies[])(struct handoff_rig *) = { give_silence,
		give_garbage, give_wrong_order, give_end_first,
		give_early_twice, give_early_again, give_early_only,
		give_outdated, give_twice, give_unknown_layout, give_no_tables,
		give_small_table, give_other_slot, give_other_magic,
		give_huge_capacity, give_more_than_there_are, give_begin_only,
		give_half, give_one_twice, give_one_again, give_no_such_record,
		give_huge_record, give_one_too_few, give_none, give_miscounted,
		give_huge_count, give_nameless, give_no_token, give_old_token,
		give_taken_back };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct handoff_rig rig;
		uint64_t word;

		handoff_rig_open(&rig, false);
		lies[i](&rig);
		word = atomic_load(&rig.given.header->owner);
		assert_true(handoff_take(&rig.worker) < 0);
		assert_true(atomic_load(&rig.given.header->owner) == word);
		assert_int_equal(rig.taken.header->handoff_taking, 1);
		assert_clients_open(&rig);
		handoff_rig_close(&rig);
	}
}

static void
test_true_giver(void **state)
{
	struct handoff_rig rig;

	(void)state;
	handoff_rig_open(&rig, false);
	give_truly(&rig);
	assert_int_equal(handoff_take(&rig.worker), 0);
	assert_true(
	    slot_owner_was_committed(&rig.given.header->owner, rig.token));
	assert_int_equal(rig.taken.header->handoff_taking, 0);
	assert_int_equal(rig.worker.generation, RIG_GENERATION + 1);
	assert_int_equal(rig.worker.given_count, RIG_CLIENTS + 1);
	free(rig.worker.given);
	for (uint32_t i = 0; i < RIG_CLIENTS; i++)
		assert_true(
		    fd_is_same(rig.taken.records[i].body.fd, rig.sockets[i]));
	assert_clients_open(&rig);
	handoff_rig_close(&rig);
}

/* One that has ended since, one whose record is another's, and one that is
 * new. */
static void
test_early_giver(void **state)
{
	struct handoff_rig rig;
	uint32_t gen;
	int before;

	(void)state;
	handoff_rig_open(&rig, false);
	say_early(&rig, all, RIG_CLIENTS - 1);
	say_early(&rig, (const uint32_t[]){ 50 }, 1);
	gen = ++rig.given.records[1].body.gen;
	say_begin(&rig);
	say_early(&rig, all + 4, 1);
	say_sockets_of(&rig, all + 1, 1, &gen);
	say_end(&rig, RIG_CLIENTS + 2);
	assert_int_equal(handoff_take(&rig.worker), 0);
	assert_true(
	    slot_owner_was_committed(&rig.given.header->owner, rig.token));
	assert_int_equal(rig.worker.given_count, RIG_CLIENTS);
	for (uint32_t i = 0; i < RIG_CLIENTS; i++)
		assert_true(
		    fd_is_same(rig.taken.records[i].body.fd, rig.sockets[i]));
	/* Nobody knows them here: they are closed. */
	before = rig.worker.given[0];
	assert_int_equal(fd_sweep_given(&rig.worker), RIG_CLIENTS);
	assert_int_equal(close(before), -1);
	assert_clients_open(&rig);
	handoff_rig_close(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_true_giver),
		cmocka_unit_test(test_early_giver),
		cmocka_unit_test(test_lying_givers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
