/* SPDX-License-Identifier: ISC */
/*
 * The giver's side of a handoff (see handoff.h).  Nothing here changes the
 * slot: until the taker has changed the owner word, going back is taking that
 * word back.  fds in flight count against the limit of open files of whoever
 * sends them (unix(7), ETOOMANYREFS), hence the windows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "proto/slot_owner.h"
#include "proto/table_move.h"
#include "worker/handoff.h"
#include "worker/handoff_giver.h"

void
handoff_giver_init(struct giver *giver, struct worker *worker)
{
	memset(giver, 0, sizeof(*giver));
	giver->worker = worker;
	giver->deadline_ms = worker->handoff_deadline_ms;
	giver->copy_fd = -1;
	channel_init(&giver->channel, worker->handoff_fd, PEER_GIVER,
	    PEER_TAKER);
	/* A full socket is a peer that does not read: no reason to wait. */
	giver->channel.max_queued = 0;
}

void
handoff_giver_clear(struct giver *giver)
{
	if (giver->answer != NULL)
		event_free(giver->answer);
	giver->answer = NULL;
	fd_close(&giver->copy_fd);
	free(giver->early);
	giver->early = NULL;
	giver->capacity = 0;
}

int
handoff_giver_fail(struct giver *giver, int rc, const char *reason)
{
	if (giver->reason == NULL)
		giver->reason = reason;
	return rc;
}

static int
fail(struct giver *giver, int rc, const char *reason)
{
	return handoff_giver_fail(giver, rc, reason);
}

/* Ours if the taker reads it, else one that we write. */
static int
choose_layout(struct giver *giver, const Holdfast__TakeHello *hello)
{
	uint32_t mine[TABLE_LAYOUTS_MAX];
	int n = table_layout_list(mine);

	for (int i = 0; i < n; i++)
		for (size_t j = 0; j < hello->n_layout; j++)
			if (hello->layout[j] == mine[i]) {
				giver->layout = table_layout_find(mine[i]);
				return 0;
			}
	return fail(giver, -EPROTONOSUPPORT,
	    "the taker reads none of the table layouts that we write");
}

int
handoff_giver_on_hello(struct giver *giver, const Holdfast__TakeHello *hello)
{
	giver->greeted = true;
	if (hello->protocol != MESSAGE_PROTOCOL)
		return fail(giver, -EPROTONOSUPPORT,
		    "the taker speaks another protocol");
	if (hello->slot != giver->worker->slot_no ||
	    hello->nonce != giver->worker->slot->nonce)
		return fail(giver, -EPROTO, "the taker is for another slot");
	return choose_layout(giver, hello);
}

static int
greet(struct giver *giver)
{
	struct message m;
	int rc;

	if (giver->greeted)
		return 0;
	rc = handoff_wait(giver->worker, &giver->channel, MSG_TAKE_HELLO,
	    giver->deadline_ms, &m);
	if (rc < 0)
		return fail(giver, rc, "the taker does not greet");
	rc = handoff_giver_on_hello(giver, (const Holdfast__TakeHello *)m.body);
	message_clear(&m);
	return rc;
}

/* The table as an older version knows it. */
static int
write_copy(struct giver *giver, int table_fd)
{
	const struct table_layout *layout = giver->layout;
	struct table_image from = { 0 }, to = { 0 };
	uint64_t bytes;
	int rc = table_image_open(&from, table_fd, &table_layout_own, 0);

	if (rc != 0)
		return rc;
	bytes = layout->bytes(from.capacity);
	rc = fd_memfd_create("holdfast-table", bytes, &giver->copy_fd);
	if (rc == 0)
		rc = table_image_format(giver->copy_fd, layout, &from, &to);
	if (rc == 0)
		rc = table_move(&from, &to, NULL);
	table_image_close(&from);
	table_image_close(&to);
	return rc;
}

/*
 * How the tenant before this one died was dealt with when this one adopted: it
 * is not to be counted again by the taker.  A giver that has not adopted hands
 * on the death with the step that it interrupted.
 */
static void
settle_past(struct slot_header *slot)
{
	uint32_t stalled = 2;

	if (atomic_load(&slot->tenant_state) == TENANT_ADOPTING)
		return;
	slot->last_exit = 0;
	atomic_compare_exchange_strong(&slot->killed_for_stall, &stalled, 0u);
	/* Clients wait from now on until the taker serves. */
	slot->died_ns = clock_mono_ns();
}

static int
begin(struct giver *giver)
{
	struct worker *worker = giver->worker;
	Holdfast__GiveBegin body = HOLDFAST__GIVE_BEGIN__INIT;
	int table_fd = worker_fd(worker, SLOT_FD_TABLE, SLOT_FD_OWN);
	int fds[2] = { table_fd, table_fd };
	int rc;

	settle_past(worker->slot);
	rc = slot_owner_give(&worker->slot->owner, worker->generation,
	    &giver->token);
	if (rc != 0)
		return fail(giver, rc, "another tenant owns the slot");
	crash_mark();
	if (giver->layout != &table_layout_own) {
		rc = write_copy(giver, table_fd);
		if (rc != 0)
			return fail(giver, rc,
			    rc == -ENOTSUP ?
				"the taker's table layout cannot hold a "
				"connection" :
				"no copy of the table in the taker's layout");
		fds[0] = giver->copy_fd;
	}
	body.layout = giver->layout->layout;
	body.token = giver->token;
	rc = channel_send(&giver->channel, MSG_GIVE_BEGIN, &body.base, fds, 2);
	return rc == 0 ? 0 : fail(giver, rc, "the taker is gone");
}

int
handoff_giver_send(struct giver *giver)
{
	Holdfast__GiveSockets body = HOLDFAST__GIVE_SOCKETS__INIT;
	int rc;

	body.n_rec = body.n_gen = (size_t)giver->count;
	body.rec = giver->recs;
	body.gen = giver->gens;
	rc = channel_send(&giver->channel, MSG_GIVE_SOCKETS, &body.base,
	    giver->fds, giver->count);
	if (rc != 0)
		return fail(giver, rc, "the kernel does not pass the sockets");
	crash_mark();
	giver->sent += (uint32_t)giver->count;
	giver->count = 0;
	return 0;
}

int
handoff_giver_on_ack(struct giver *giver, const Holdfast__TakeAck *ack)
{
	return ack->connections == giver->sent ?
	    0 :
	    fail(giver, -EPROTO, "the taker has lost count");
}

/* Sends a window and waits until the taker has it. */
static int
flush(struct giver *giver)
{
	struct message m;
	int rc;

	if (giver->count == 0)
		return 0;
	rc = handoff_giver_send(giver);
	if (rc != 0)
		return rc;
	rc = handoff_wait(giver->worker, &giver->channel, MSG_TAKE_ACK,
	    giver->deadline_ms, &m);
	if (rc < 0)
		return fail(giver, rc, "the taker does not receive");
	rc = handoff_giver_on_ack(giver, (const Holdfast__TakeAck *)m.body);
	message_clear(&m);
	return rc;
}

static int
on_socket(uint32_t rec, uint32_t gen, int fd, void *arg)
{
	struct giver *giver = arg;

	if (handoff_giver_has_sent(giver, rec, gen))
		return 0;
	giver->recs[giver->count] = rec;
	giver->gens[giver->count] = gen;
	giver->fds[giver->count++] = fd;
	return giver->count == CHANNEL_MAX_FDS ? flush(giver) : 0;
}

static int
send_sockets(struct giver *giver)
{
	struct worker *worker = giver->worker;
	Holdfast__GiveEnd body = HOLDFAST__GIVE_END__INIT;
	int rc = 0;

	if (worker->ops->each_socket != NULL)
		rc = worker->ops->each_socket(worker, 0, on_socket, giver);
	if (rc == 0)
		rc = flush(giver);
	if (rc != 0)
		return rc;
	body.connections = giver->sent;
	rc = channel_send(&giver->channel, MSG_GIVE_END, &body.base, NULL, 0);
	return rc == 0 ? 0 : fail(giver, rc, "the taker is gone");
}

static int
give(struct giver *giver)
{
	struct message m;
	int rc = giver->rc;

	if (rc == 0)
		rc = greet(giver);
	if (rc == 0)
		rc = begin(giver);
	if (rc == 0)
		rc = send_sockets(giver);
	if (rc != 0)
		return rc;
	crash_mark();
	rc = handoff_wait(giver->worker, &giver->channel, MSG_TAKE_DONE,
	    giver->deadline_ms, &m);
	if (rc < 0)
		return fail(giver, rc, "the taker does not take over");
	message_clear(&m);
	return 0;
}

int
handoff_give(struct worker *worker, const char **out_reason)
{
	struct giver giver;
	int rc;

	if (worker->giver != NULL)
		giver = *worker->giver; /* which ends here */
	else
		handoff_giver_init(&giver, worker);
	free(worker->giver);
	worker->giver = NULL;
	rc = give(&giver);
	handoff_giver_clear(&giver);
	crash_mark();
	/* Whatever was said: the word decides.  The supervisor may have taken
	 * it back already. */
	if (giver.token != 0 &&
	    !slot_owner_take_back(&worker->slot->owner, giver.token) &&
	    slot_owner_was_committed(&worker->slot->owner, giver.token)) {
		log_notice("slot_given", NULL,
		    log_uint("connections", giver.sent));
		return 0;
	}
	(void)shutdown(worker->handoff_fd, SHUT_WR);
	*out_reason = giver.reason == NULL ?
	    "the taker has not taken the slot, whatever it says" :
	    giver.reason;
	return rc < 0 ? rc : -EPROTO;
}
