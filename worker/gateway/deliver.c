/* SPDX-License-Identifier: ISC */
/*
 * Deliveries, see deliver.h.  The relay is trusted no more than a client:
 * everything in an entry is copied and checked.
 */
#include "worker/gateway/deliver.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "proto/ring_messages.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/output.h"
#include "worker/gateway/pressure.h"
#include "worker/gateway/ws_frame.h"

#define DELIVER_BATCH	256
#define BROADCAST_BATCH 128
#define DELIVER_ROOM	4096u /* of the ring up, for receipts */

static void
deliver_tell(struct gateway *g, const struct ring_receipt *r)
{
	struct ring_part part = { r, sizeof(*r) };

	if (ring_put(&g->up, RING_RECEIPT, &part, 1, NULL) != 0)
		counter_add(gateway_counters(g), COUNTER_RING_UP_FULL, 1);
	g->up_dirty = true;
	g->up_urgent = true;
}

void
deliver_receipt(struct gateway *g, const struct step_work *w)
{
	struct ring_receipt r = {
		.token = w->token,
		.position = w->end_position,
		.rec = w->rec,
		.gen = w->body.gen,
		.status = RECEIPT_DELIVERED,
	};

	/* Of a kick the receipt says that the connection is being closed. */
	if (w->kind != STEP_CLOSE &&
	    (w->doomed || w->body.state != RECORD_OPEN))
		r.status = RECEIPT_NOT_CONNECTED;
	else if (w->kind != STEP_CLOSE && w->body.given < w->end_position)
		r.status = RECEIPT_QUEUED;
	counter_add(gateway_counters(g),
	    r.status == RECEIPT_DELIVERED  ? COUNTER_DELIVERED :
		r.status == RECEIPT_QUEUED ? COUNTER_QUEUED :
					     COUNTER_DELIVER_NOT_CONNECTED,
	    1);
	deliver_tell(g, &r);
}

/* An entry that changes no record: answer, then count it as applied. */
static void
deliver_refuse(struct gateway *g, uint64_t seq, uint64_t token, uint32_t rec,
    uint32_t gen, enum receipt_status status)
{
	struct ring_receipt r = {
		.token = token,
		.rec = rec,
		.gen = gen,
		.status = status,
	};

	counter_add(gateway_counters(g),
	    status == RECEIPT_DROPPED ? COUNTER_DROPPED_SLOW :
					COUNTER_DELIVER_NOT_CONNECTED,
	    1);
	/* A successor may find room where there was none: once the relay was
	 * told that the message is dropped it must not be looked at again.  A
	 * receipt that is lost instead makes the outcome unknown. */
	if (status == RECEIPT_DROPPED)
		commit_store(&g->slot->ring_applied, seq);
	if (token != 0)
		deliver_tell(g, &r);
	commit_store(&g->slot->ring_applied, seq);
}

static bool
deliver_is_open(const struct gateway *g, uint32_t rec, uint32_t gen)
{
	const struct record_body *b;

	if (rec >= g->table.capacity)
		return false;
	b = &g->table.records[rec].body;
	return b->gen == gen && b->state == RECORD_OPEN;
}

/* Puts a message into the current step, or what the slow-consumer policy says
 * instead.  false: dropped, the step changed nothing. */
static bool
deliver_into(struct gateway *g, struct step_work *w, uint8_t opcode,
    const uint8_t *p, size_t n)
{
	const struct settings *s = &g->worker->settings;

	if (output_pending(w) >= s->websocket.max_queue) {
		if (s->websocket.slow_consumer == SLOW_DROP)
			return false;
		conn_begin_close(g, w, WS_CLOSE_OVERLOAD, "slow consumer",
		    COUNTER_CLOSE_SLOW);
		return true;
	}
	if (output_message(g, w, opcode, p, n) != 0)
		step_doom(g, COUNTER_CLOSE_MEMORY);
	else
		counter_add(gateway_counters(g), COUNTER_MESSAGES_OUT, 1);
	return true;
}

static void
deliver_message(struct gateway *g, const struct ring_entry *e)
{
	struct ring_deliver d;
	struct step_work *w;

	if (e->len < sizeof(d))
		return;
	memcpy(&d, e->data, sizeof(d));
	if (deliver_is_open(g, d.rec, d.gen))
		pressure_relieve(g, pressure_need(g, d.rec, e->len));
	if (!deliver_is_open(g, d.rec, d.gen)) {
		deliver_refuse(g, e->seq, d.token, d.rec, d.gen,
		    RECEIPT_NOT_CONNECTED);
		return;
	}
	w = step_begin(g, STEP_DELIVER, d.rec);
	if (!deliver_into(g, w,
		d.opcode == WS_OP_BINARY ? WS_OP_BINARY : WS_OP_TEXT,
		e->data + sizeof(d), e->len - sizeof(d))) {
		step_end(g);
		deliver_refuse(g, e->seq, d.token, d.rec, d.gen,
		    RECEIPT_DROPPED);
		return;
	}
	w->ring_applied = e->seq;
	w->token = d.token;
	step_commit(g);
	step_finish(g);
	if (w->body.state != RECORD_OPEN)
		heartbeat_arm(g, d.rec);
}

static void
deliver_kick(struct gateway *g, const struct ring_entry *e)
{
	char reason[WS_FRAME_REASON_MAX + 1];
	struct step_work *w;
	struct ring_kick k;
	size_t n;

	if (e->len < sizeof(k))
		return;
	memcpy(&k, e->data, sizeof(k));
	n = e->len - sizeof(k);
	if (n > WS_FRAME_REASON_MAX)
		n = WS_FRAME_REASON_MAX;
	memcpy(reason, e->data + sizeof(k), n);
	reason[n] = '\0';
	if (!deliver_is_open(g, k.rec, k.gen)) {
		deliver_refuse(g, e->seq, k.token, k.rec, k.gen,
		    RECEIPT_NOT_CONNECTED);
		return;
	}
	w = step_begin(g, STEP_CLOSE, k.rec);
	conn_begin_close(g, w, k.code, reason,
	    k.code == WS_CLOSE_REPLACED ? COUNTER_CLOSE_REPLACED :
					  COUNTER_CLOSE_KICKED);
	w->ring_applied = e->seq;
	w->token = k.token;
	step_commit(g);
	step_finish(g);
	heartbeat_arm(g, k.rec);
}

/* A part of a broadcast; true: it is finished. */
static bool
deliver_broadcast(struct gateway *g, const struct ring_entry *e)
{
	struct slot_header *slot = g->slot;
	struct ring_deliver d;
	uint32_t rec, high, n = 0;

	if (e->len < sizeof(d))
		return true;
	memcpy(&d, e->data, sizeof(d));
	if (slot->broadcast_seq != e->seq) {
		commit_store(&slot->broadcast_next, 0);
		commit_store((_Atomic uint64_t *)&slot->broadcast_seq, e->seq);
		g->broadcast_sent = 0;
		counter_add(gateway_counters(g), COUNTER_BROADCASTS, 1);
	}
	high = atomic_load_explicit(&slot->high_water, memory_order_relaxed);
	for (rec = atomic_load(&slot->broadcast_next); rec < high; rec++) {
		struct step_work *w;

		if (n == BROADCAST_BATCH)
			return false;
		if (g->table.records[rec].body.state != RECORD_OPEN)
			continue;
		n++;
		pressure_relieve(g, pressure_need(g, rec, e->len));
		if (g->table.records[rec].body.state != RECORD_OPEN)
			continue;
		w = step_begin(g, STEP_DELIVER, rec);
		if (!deliver_into(g, w,
			d.opcode == WS_OP_BINARY ? WS_OP_BINARY : WS_OP_TEXT,
			e->data + sizeof(d), e->len - sizeof(d))) {
			step_end(g);
			counter_add(gateway_counters(g), COUNTER_DROPPED_SLOW,
			    1);
			continue;
		}
		w->broadcast_next = rec + 1;
		w->journal_flags |= JOURNAL_BROADCAST;
		step_commit(g);
		step_finish(g);
		g->broadcast_sent++;
		if (w->body.state != RECORD_OPEN)
			heartbeat_arm(g, rec);
	}
	if (d.token != 0)
		deliver_tell(g,
		    &(struct ring_receipt){ .token = d.token,
			.position = g->broadcast_sent,
			.rec = RECORD_NONE,
			.status = RECEIPT_DELIVERED });
	commit_store(&slot->ring_applied, e->seq);
	return true;
}

/* true: the entry is done with. */
static bool
deliver_entry(struct gateway *g, const struct ring_entry *e)
{
	if (e->seq <=
	    atomic_load_explicit(&g->slot->ring_applied, memory_order_relaxed))
		return true; /* a tenant died after its effect */
	switch (e->kind) {
	case RING_DELIVER:
		deliver_message(g, e);
		return true;
	case RING_KICK:
		deliver_kick(g, e);
		return true;
	case RING_BROADCAST:
		return deliver_broadcast(g, e);
	default:
		return true; /* of a newer relay: nothing we know */
	}
}

void
deliver_run(struct gateway *g)
{
	struct ring_entry e;

	g->down_waits = false;
	for (int i = 0; i < DELIVER_BATCH; i++) {
		int rc = ring_peek(&g->down, &e);

		if (rc == 0) {
			if (ring_sleep(&g->down) == 0)
				return;
			continue;
		}
		if (rc < 0) {
			log_error("ring_broken",
			    "deliveries in it are given up", log_errno(rc));
			counter_add(gateway_counters(g), COUNTER_RINGS_BROKEN,
			    1);
			ring_skip_all(&g->down);
			continue;
		}
		if (ring_free(&g->up) < DELIVER_ROOM) {
			/* The relay does not read its receipts: the tick
			 * comes back to this. */
			g->up_urgent = g->up_dirty = true;
			g->down_waits = true;
			return;
		}
		if (!deliver_entry(g, &e))
			break;
		ring_consume(&g->down, &e);
	}
	/* More is there: after the client sockets have had their turn. */
	event_active(g->on_down, EV_TIMEOUT, 0);
}

unsigned long long
deliver_pending_token(struct gateway *g)
{
	struct ring_entry e;
	uint64_t token;

	_Static_assert(offsetof(struct ring_deliver, token) == 0 &&
		offsetof(struct ring_kick, token) == 0,
	    "both begin with their token");
	if (ring_peek(&g->down, &e) != 1 ||
	    (e.kind != RING_DELIVER && e.kind != RING_KICK) ||
	    e.seq != atomic_load(&g->slot->ring_applied) ||
	    e.len < sizeof(token))
		return 0;
	memcpy(&token, e.data, sizeof(token));
	return token;
}
