/* SPDX-License-Identifier: ISC */
/*
 * Two sides of a handoff, see handoff_help.h.
 */
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/slot_owner.h"
#include "tests/unit/handoff_help.h"
#include "tests/unit/table_help.h"
#include "worker/slot_fds.h"

#define RIG_DEADLINE_MS 100u

static int
each_socket(struct worker *worker, uint32_t from, worker_socket_cb *cb,
    void *arg)
{
	struct handoff_rig *rig = worker->context;
	struct record *records = rig->given.records;
	bool stands = (atomic_load(&rig->given.header->owner) >> 62) != 0;
	int rc = 0;

	/* Another client has the record of one that has gone. */
	if (rig->changes && stands)
		records[0].body.gen++;
	for (uint32_t i = from; rc == 0 && i < RIG_CLIENTS; i++)
		rc = cb(i, records[i].body.gen, rig->sockets[i], arg);
	/* As if the taker had done it by then. */
	if (rig->commits && stands)
		assert_true(slot_owner_commit(&rig->given.header->owner,
		    atomic_load(&rig->given.header->owner)));
	return rc;
}

static const struct worker_ops ops = { .kind = SLOT_KIND_GATEWAY,
	.each_socket = each_socket };

static void
open_slot(struct handoff_rig *rig)
{
	char id[RECORD_ID_MAX + 1];
	int old;

	rig->given_fd = make_table(&rig->given, RIG_CAPACITY);
	for (uint32_t i = 0; i < RIG_CLIENTS; i++) {
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		rig->clients[i] = ends[0];
		rig->sockets[i] = ends[1];
		(void)make_id(i, id);
		assert_int_equal(open_one(&rig->given, id, i), i);
		rig->given.records[i].body.fd = ends[1];
	}
	rig->given.header->generation = RIG_GENERATION;
	assert_int_equal(slot_owner_claim(&rig->given.header->owner,
			     RIG_GENERATION),
	    0);
	assert_int_equal(slot_fds_put(rig->given.header, SLOT_FD_TABLE,
			     SLOT_FD_OWN, rig->given_fd, &old),
	    0);
}

void
handoff_rig_open(struct handoff_rig *rig, bool gives)
{
	int ends[2], old;

	memset(rig, 0, sizeof(*rig));
	open_slot(rig);
	rig->taken_fd = make_table(&rig->taken, RIG_CAPACITY);
	assert_int_equal(channel_pair(ends), 0);
	rig->worker = (struct worker){ .ops = &ops,
		.context = rig,
		.slot_no = 3,
		.handoff_fd = -1,
		.handoff_deadline_ms = RIG_DEADLINE_MS };
	channel_init(&rig->peer, ends[1], gives ? PEER_TAKER : PEER_GIVER,
	    gives ? PEER_GIVER : PEER_TAKER);
	if (gives) {
		rig->worker.slot = rig->given.header;
		rig->worker.generation = RIG_GENERATION;
		rig->worker.handoff_fd = ends[0];
	} else {
		rig->worker.slot = rig->taken.header;
		atomic_store(&rig->taken.header->handoff_taking, 1u);
		assert_int_equal(slot_fds_put(rig->taken.header, SLOT_FD_TABLE,
				     SLOT_FD_OWN, rig->taken_fd, &old),
		    0);
		assert_int_equal(slot_fds_put(rig->taken.header,
				     SLOT_FD_HANDOFF, 0, ends[0], &old),
		    0);
		assert_int_equal(slot_owner_give(&rig->given.header->owner,
				     RIG_GENERATION, &rig->token),
		    0);
	}
	rig->first_free = dup(0);
	close(rig->first_free);
}

void
assert_clients_open(const struct handoff_rig *rig)
{
	for (uint32_t i = 0; i < RIG_CLIENTS; i++) {
		char byte = 'x';

		assert_int_equal(recv(rig->clients[i], &byte, 1, MSG_DONTWAIT),
		    -1);
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(send(rig->clients[i], "y", 1, MSG_NOSIGNAL),
		    1);
		assert_int_equal(recv(rig->sockets[i], &byte, 1, MSG_DONTWAIT),
		    1);
		assert_int_equal(byte, 'y');
		assert_int_equal(send(rig->sockets[i], "z", 1, MSG_NOSIGNAL),
		    1);
		assert_int_equal(recv(rig->clients[i], &byte, 1, MSG_DONTWAIT),
		    1);
	}
}

void
handoff_rig_close(struct handoff_rig *rig)
{
	int handoff = slot_fds_find(rig->taken.header, SLOT_FD_HANDOFF, 0);

	assert_int_equal(close_range((unsigned)rig->first_free, ~0u, 0), 0);
	fd_close(&handoff);
	if (rig->worker.slot == rig->given.header)
		fd_close(&rig->worker.handoff_fd);
	if (rig->peer.fd != -1)
		channel_clear(&rig->peer);
	for (uint32_t i = 0; i < RIG_CLIENTS; i++) {
		close(rig->clients[i]);
		close(rig->sockets[i]);
	}
	drop_table(&rig->given, rig->given_fd);
	drop_table(&rig->taken, rig->taken_fd);
}
