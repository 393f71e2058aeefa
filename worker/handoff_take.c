/* SPDX-License-Identifier: ISC */
/*
 * The taker's side of a handoff (see handoff.h).  All that can fail is done
 * before the owner word is changed; afterwards this tenant is the slot's like
 * any that its keeper starts after a death, and adopts what is in its table.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/shm.h"
#include "proto/slot_owner.h"
#include "proto/table.h"
#include "proto/table_move.h"
#include "worker/handoff.h"
#include "worker/slot_fds.h"

/* The giver may have requests to finish first.  The supervisor is not as
 * patient as that. */
#define BEGIN_MS   60000u
#define SOCKETS_MS 10000u

struct taker {
	struct worker *worker;
	struct channel channel;
	struct table_image from;
	struct table_image own;
	struct slot_header *giver; /* mapped: where the owner word is */
	uint64_t token;
	uint32_t records;
	int *fds;	/* owned: by record; -1: none */
	uint32_t *gens; /* owned: by record, where the giver told */
	bool *watched;	/* owned: by record: in the set as it was given */
	int *loose;	/* owned: in no record */
	uint32_t loose_count;
	uint32_t prepared; /* records of our own table */
	int set;	   /* the epoll set; -1: the slot has none */
	bool told_gens;
	uint32_t got;
};

/* Our own table and set, before anybody has to wait for us. */
static int
prepare(struct taker *taker)
{
	struct worker *worker = taker->worker;
	int rc, old;

	rc = table_image_open(&taker->own,
	    worker_fd(worker, SLOT_FD_TABLE, SLOT_FD_OWN), &table_layout_own,
	    1);
	if (rc != 0)
		return rc;
	taker->records = taker->own.capacity;
	taker->fds = malloc(sizeof(*taker->fds) * (taker->records + 1));
	taker->gens = calloc(taker->records + 1, sizeof(*taker->gens));
	taker->watched = calloc(taker->records + 1, sizeof(*taker->watched));
	if (taker->fds == NULL || taker->gens == NULL || taker->watched == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < taker->records; i++)
		taker->fds[i] = -1;
	if (worker->ops->watch == NULL)
		return 0;
	taker->set = epoll_create1(EPOLL_CLOEXEC);
	if (taker->set == -1)
		return -errno;
	return slot_fds_put(worker->slot, SLOT_FD_EPOLL, 0, taker->set, &old);
}

static int
greet(struct taker *taker)
{
	Holdfast__TakeHello body = HOLDFAST__TAKE_HELLO__INIT;
	char build[] = HOLDFAST_VERSION;
	uint32_t layouts[TABLE_LAYOUTS_MAX];

	body.protocol = MESSAGE_PROTOCOL;
	body.build = build;
	body.slot = taker->worker->slot_no;
	body.nonce = taker->worker->slot->nonce;
	body.n_layout = (size_t)table_layout_list(layouts);
	body.layout = layouts;
	body.has_early = body.early = true;
	return channel_send(&taker->channel, MSG_TAKE_HELLO, &body.base, NULL,
	    0);
}

/* Maps both tables.  The keeper looks at the owner word through the directory
 * if this tenant dies. */
static int
map_tables(struct taker *taker, struct message *m)
{
	const Holdfast__GiveBegin *begin = (const Holdfast__GiveBegin *)m->body;
	struct worker *worker = taker->worker;
	void *p;
	int rc, old;

	rc = table_image_open(&taker->from, m->fds[0],
	    table_layout_find(begin->layout), 0);
	/* No more than is common to all versions. */
	if (rc == 0)
		rc = shm_map(m->fds[1], SHM_PAGE, 1, &p);
	if (rc != 0)
		return rc;
	taker->giver = p;
	taker->token = begin->token;
	if (taker->giver->magic != SLOT_MAGIC ||
	    taker->giver->nonce != worker->slot->nonce)
		return -EPROTO;
	worker->slot->handoff_token = begin->token;
	rc = slot_fds_put(worker->slot, SLOT_FD_GIVEN_TABLE, 0, m->fds[1],
	    &old);
	if (rc != 0)
		return rc;
	m->fds[1] = -1;
	return 0;
}

/* A connection that has ended since its socket was given: the last copy may be
 * ours.  One that is another's is not ended by that. */
static void
drop_socket(struct taker *taker, uint32_t rec)
{
	if (taker->watched[rec])
		(void)epoll_ctl(taker->set, EPOLL_CTL_DEL, taker->fds[rec],
		    NULL);
	taker->watched[rec] = false;
	fd_close(&taker->fds[rec]);
}

/* Takes the fd in every case. */
static int
take_loose(struct taker *taker, int fd)
{
	int *more = realloc(taker->loose,
	    (taker->loose_count + 1) * sizeof(*more));

	if (more == NULL) {
		fd_close(&fd);
		return -ENOMEM;
	}
	taker->loose = more;
	taker->loose[taker->loose_count++] = fd;
	return 0;
}

/* Once for each connection. */
static int
take_socket(struct taker *taker, uint32_t rec, const uint32_t *gen, int *fd)
{
	if (rec >= taker->records)
		return -EPROTO;
	if (taker->fds[rec] != -1) {
		if (taker->giver == NULL || gen == NULL ||
		    taker->gens[rec] == *gen)
			return -EPROTO;
		drop_socket(taker, rec);
	}
	taker->fds[rec] = *fd;
	*fd = -1;
	if (gen != NULL)
		taker->gens[rec] = *gen;
	return 0;
}

/* After the giver has its answer: it goes on meanwhile. */
static int
watch_window(struct taker *taker, const Holdfast__GiveSockets *body)
{
	const struct worker_ops *ops = taker->worker->ops;
	uint32_t top = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < body->n_gen; i++) {
		uint32_t rec = body->rec[i];

		if (rec == RECORD_NONE)
			continue;
		if (rec >= top)
			top = rec + 1;
		if (taker->set == -1)
			continue;
		rc = ops->watch(taker->set, rec, taker->gens[rec],
		    taker->fds[rec]);
		taker->watched[rec] = rc == 0;
	}
	if (top > taker->prepared) {
		table_image_prepare(&taker->own, top);
		taker->prepared = top;
	}
	return rc;
}

static int
take_window(struct taker *taker, struct message *m)
{
	const Holdfast__GiveSockets *body =
	    (const Holdfast__GiveSockets *)m->body;
	Holdfast__TakeAck ack = HOLDFAST__TAKE_ACK__INIT;
	int rc = 0;

	for (int i = 0; rc == 0 && i < m->nfds; i++) {
		const uint32_t *gen = body->n_gen > 0 ? &body->gen[i] : NULL;

		if (gen == NULL && taker->giver == NULL)
			return -EPROTO;
		taker->told_gens = gen != NULL;
		if (body->rec[i] != RECORD_NONE) {
			rc = take_socket(taker, body->rec[i], gen, &m->fds[i]);
			continue;
		}
		rc = take_loose(taker, m->fds[i]);
		m->fds[i] = -1;
	}
	if (rc != 0)
		return rc;
	taker->got += (uint32_t)m->nfds;
	crash_mark();
	ack.connections = taker->got;
	rc = channel_send(&taker->channel, MSG_TAKE_ACK, &ack.base, NULL, 0);
	return rc == 0 ? watch_window(taker, body) : rc;
}

static int
take_begin(struct taker *taker, struct message *m)
{
	int rc;

	if (taker->giver != NULL)
		return -EPROTO;
	rc = map_tables(taker, m);
	crash_mark();
	return rc;
}

/* One message: 1 more will come, 0 it was the last. */
static int
take_next(struct taker *taker)
{
	struct message m;
	int rc;

	rc = handoff_wait_any(taker->worker, &taker->channel,
	    taker->got == 0 ? BEGIN_MS : SOCKETS_MS, &m);
	if (rc < 0)
		return rc;
	if (m.kind == MSG_GIVE_SOCKETS)
		rc = take_window(taker, &m);
	else if (m.kind == MSG_GIVE_BEGIN)
		rc = take_begin(taker, &m);
	else
		rc = m.kind == MSG_GIVE_END && taker->giver != NULL &&
			((const Holdfast__GiveEnd *)m.body)->connections ==
			    taker->got ?
		    0 :
		    -EPROTO;
	rc = rc == 0 && m.kind != MSG_GIVE_END ? 1 : rc;
	message_clear(&m);
	return rc;
}

/* Each connection has its own socket, and each socket a connection. */
static int
settle_sockets(struct taker *taker)
{
	const struct worker_ops *ops = taker->worker->ops;
	const struct record *records =
	    (const struct record *)(const void *)(taker->own.base +
		table_record_at(taker->records, 0));
	const struct slot_header *own = (const void *)taker->own.base;
	uint32_t used = atomic_load(&own->high_water);

	for (uint32_t i = 0; i < taker->records; i++) {
		const struct record_body *b = &records[i].body;

		if (taker->fds[i] == -1)
			continue;
		if (i >= used || b->state == RECORD_FREE)
			drop_socket(taker, i);
		else if (taker->told_gens && b->gen != taker->gens[i])
			return -EPROTO;
	}
	return taker->set == -1 ?
	    0 :
	    ops->watch_rest(taker->set, records, used, taker->watched);
}

/* What fd_sweep_given() is to look at. */
static int
list_given(struct taker *taker)
{
	struct worker *worker = taker->worker;
	uint32_t n = taker->loose_count;
	int *list = realloc(taker->loose,
	    (n + taker->records + 1) * sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < taker->records; i++)
		if (taker->fds[i] != -1)
			list[n++] = taker->fds[i];
	taker->loose = NULL;
	worker->given = list;
	worker->given_count = n;
	return 0;
}

/* From here on the slot is ours. */
static int
commit(struct taker *taker)
{
	struct worker *worker = taker->worker;
	struct slot_header *slot = worker->slot;
	Holdfast__TakeDone done = HOLDFAST__TAKE_DONE__INIT;
	int rc;

	slot->generation++;
	rc = slot_owner_claim(&slot->owner, slot->generation);
	if (rc != 0)
		return rc;
	crash_mark();
	if (!slot_owner_commit(&taker->giver->owner, taker->token))
		return -ESTALE;
	crash_mark();
	atomic_store(&slot->handoff_taking, 0u);
	worker->generation = slot->generation;
	crash_mark();
	done.connections = taker->got;
	(void)channel_send(&taker->channel, MSG_TAKE_DONE, &done.base, NULL, 0);
	crash_mark();
	worker->handoff_fd = taker->channel.fd;
	log_notice("slot_taken", NULL, log_uint("connections", taker->got),
	    log_uint("generation", slot->generation));
	return 0;
}

int
handoff_take(struct worker *worker)
{
	struct taker taker = { .worker = worker, .set = -1 };
	int fd = worker_fd(worker, SLOT_FD_HANDOFF, 0);
	int rc;

	if (fd == -1)
		return -EBADF;
	channel_init(&taker.channel, fd, PEER_TAKER, PEER_GIVER);
	taker.channel.keeps_fds = true;
	rc = prepare(&taker);
	if (rc == 0)
		rc = greet(&taker);
	while (rc == 0 && (rc = take_next(&taker)) == 1)
		rc = 0;
	crash_mark();
	if (rc == 0)
		rc = table_move(&taker.from, &taker.own, taker.fds);
	if (rc == 0)
		rc = settle_sockets(&taker);
	if (rc == 0)
		rc = list_given(&taker);
	if (rc == 0)
		rc = commit(&taker);
	if (rc != 0) {
		free(worker->given);
		worker->given = NULL;
	}
	free(taker.fds);
	free(taker.gens);
	free(taker.watched);
	free(taker.loose);
	table_image_close(&taker.from);
	table_image_close(&taker.own);
	if (taker.giver != NULL)
		munmap(taker.giver, SHM_PAGE);
	return rc;
}
