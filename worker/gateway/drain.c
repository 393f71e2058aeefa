/* SPDX-License-Identifier: ISC */
/*
 * Draining, see drain.h.  Each close is followed by a pause: what is left of
 * the window divided by the connections that are left, and jitter, so that
 * slots which began together do not close in step.  The pace so depends on
 * nothing that dies with a tenant: the next one only needs to know the end.
 */
#include "worker/gateway/drain.h"
#include "worker/gateway/admission.h"

#include <stdio.h>

#include "lib/log.h"
#include "lib/random.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/handshake.h"
#include "worker/gateway/ws_frame.h"

#define DRAIN_PER_RUN 1024u
/* After a standstill the pause is not made up for: that would be a wave. */
#define DRAIN_LAG_US (2 * TIMER_WHEEL_TICK_MS * 1000)
/* Connections leave and come without us: count them so often. */
#define DRAIN_COUNT_MIN_US 250000u
#define DRAIN_COUNT_MAX_US 10000000u
/* Closes are spread already; the hint only blurs their edges. */
#define DRAIN_HINT_MS	  10000u
#define DRAIN_HINT_MAX_MS 3600000u

static struct node_slot *
drain_slot_words(struct gateway *g)
{
	return &g->worker->node.shared->slot[g->worker->slot_no];
}

/* What the next tenant goes on with, and whether this slot takes part in the
 * fair share of new connections. */
static void
drain_publish(struct gateway *g)
{
	struct node_slot *s = drain_slot_words(g);

	atomic_store(&s->drain.end_ms, g->drain_end_us / 1000);
	atomic_store(&s->drain.flags,
	    (g->drain_leave ? NODE_SLOT_DRAIN_LEAVE : 0u) |
		(g->draining ? 0u : NODE_SLOT_DRAIN_ACCEPT));
	atomic_store(&s->drain.closed, g->drain_closed);
	atomic_store(&s->drain.close_code, g->drain_code);
	atomic_store(&s->accepting, g->draining ? 0u : 1u);
}

static bool
drain_is_open(const struct gateway *g, uint32_t rec)
{
	return g->table.records[rec].body.state == RECORD_OPEN;
}

static void
drain_count(struct gateway *g)
{
	uint32_t high = atomic_load(&g->slot->high_water), n = 0;
	uint64_t wait_us = 0;

	for (uint32_t i = 0; i < high; i++)
		n += drain_is_open(g, i);
	g->drain_left = n;
	if (g->drain_end_us > g->now_us)
		wait_us = (g->drain_end_us - g->now_us) / 128;
	if (wait_us < DRAIN_COUNT_MIN_US)
		wait_us = DRAIN_COUNT_MIN_US;
	if (wait_us > DRAIN_COUNT_MAX_US)
		wait_us = DRAIN_COUNT_MAX_US;
	g->drain_count_us = g->now_us + wait_us;
}

/* The mean pause to the next close. */
static uint64_t
drain_gap(const struct gateway *g)
{
	if (g->drain_end_us <= g->now_us)
		return 0;
	return (g->drain_end_us - g->now_us) / ((uint64_t)g->drain_left + 1);
}

static uint64_t
drain_below(uint64_t bound)
{
	return bound == 0 ? 0 : random_u64() % bound;
}

static void
drain_begin(struct gateway *g)
{
	g->drain_active = true;
	g->drain_told = g->drain_cut = false;
	g->drain_next = 0;
	drain_count(g);
	g->drain_due_us = g->now_us + drain_below(drain_gap(g));
	drain_publish(g);
	commit_store(&g->slot->tenant_state, (uint32_t)TENANT_DRAINING);
}

static void
drain_undo(struct gateway *g)
{
	g->drain_active = g->draining = false;
	g->drain_code = 0;
	g->drain_closed = 0;
	drain_publish(g);
	commit_store(&g->slot->tenant_state, (uint32_t)TENANT_SERVING);
	log_info("drain_undone", NULL);
}

void
drain_on_order(struct gateway *g, const Holdfast__Drain *order)
{
	gateway_clock(g);
	if (order->has_undo && order->undo) {
		drain_undo(g);
		return;
	}
	g->draining = !(order->has_accept && order->accept);
	g->drain_leave = order->has_leave && order->leave;
	g->drain_code = (uint16_t)order->close_code;
	g->drain_end_us = g->now_us + order->window_ms * 1000;
	g->drain_hint_ms = 0;
	if (order->has_hint_ms)
		g->drain_hint_ms = order->hint_ms < DRAIN_HINT_MAX_MS ?
		    (uint32_t)order->hint_ms :
		    DRAIN_HINT_MAX_MS;
	drain_begin(g);
	g->drain_cut = order->has_cut && order->cut;
	log_info("drain_started", NULL, log_uint("connections", g->drain_left),
	    log_uint("window_ms", order->window_ms));
	drain_run(g);
}

void
drain_resume(struct gateway *g)
{
	const struct node_slot_drain *words = &drain_slot_words(g)->drain;
	uint32_t code = atomic_load(&words->close_code);
	uint32_t flags = atomic_load(&words->flags);
	uint64_t end_us = atomic_load(&words->end_ms) * 1000;

	if (code == 0)
		return;
	g->draining = (flags & NODE_SLOT_DRAIN_ACCEPT) == 0;
	g->drain_leave = (flags & NODE_SLOT_DRAIN_LEAVE) != 0;
	g->drain_code = (uint16_t)code;
	g->drain_closed = atomic_load(&words->closed);
	g->drain_end_us = end_us;
	drain_begin(g);
	log_info("drain_resumed", NULL, log_uint("connections", g->drain_left),
	    log_uint("window_ms",
		end_us > g->now_us ? (end_us - g->now_us) / 1000 : 0));
}

/* Evenly within what the node has to be spared, or was asked for. */
static uint32_t
drain_hint(const struct gateway *g)
{
	uint32_t storm = admission_spread_ms(g);
	uint64_t left_ms = 0, ms;

	if (g->now_us < g->drain_end_us)
		left_ms = (g->drain_end_us - g->now_us) / 1000;
	ms = (left_ms < DRAIN_HINT_MS ? left_ms : DRAIN_HINT_MS) + 1000;
	if (ms < g->drain_hint_ms)
		ms = g->drain_hint_ms;
	return random_below(ms < storm ? storm : (uint32_t)ms);
}

static void
drain_one(struct gateway *g, uint32_t rec)
{
	const struct record_body *b = &g->table.records[rec].body;
	char reason[40] = "";

	if ((b->flags & RECORD_HINT) &&
	    (g->drain_code == WS_CLOSE_RESTART || g->drain_hint_ms > 0))
		(void)snprintf(reason, sizeof(reason), "reconnect_ms=%u",
		    drain_hint(g));
	conn_close(g, rec, g->drain_code, reason,
	    g->drain_code == WS_CLOSE_RESTART ? COUNTER_CLOSE_DRAIN :
						COUNTER_CLOSE_STOP);
	g->drain_closed++;
}

static void
drain_finish(struct gateway *g)
{
	Holdfast__Drained told = HOLDFAST__DRAINED__INIT;

	told.left = atomic_load(&g->slot->live);
	worker_send(g->worker, MSG_DRAINED, &told.base);
	g->drain_told = true;
	log_info("drain_finished", NULL, log_uint("left", told.left));
	if (g->drain_leave)
		worker_leave(g->worker, WORKER_EXIT_LEAVE);
}

/* The next open connection, round and round; false: there is none. */
static bool
drain_find(struct gateway *g, uint32_t *out_rec)
{
	uint32_t high = atomic_load(&g->slot->high_water);

	for (uint32_t n = 0; n < high; n++) {
		uint32_t rec = g->drain_next < high ? g->drain_next : 0;

		g->drain_next = rec + 1;
		if (drain_is_open(g, rec)) {
			*out_rec = rec;
			return true;
		}
	}
	return false;
}

/* Within the window: who is due.  Handshakes go on and are refused with 503,
 * or, while the slot accepts, become open. */
static void
drain_spread(struct gateway *g)
{
	uint32_t rec;

	if (g->now_us >= g->drain_count_us)
		drain_count(g);
	if (g->drain_due_us + DRAIN_LAG_US < g->now_us)
		g->drain_due_us = g->now_us - DRAIN_LAG_US;
	for (uint32_t n = 0; n < DRAIN_PER_RUN && g->drain_left > 0 &&
	     g->drain_due_us <= g->now_us;
	     n++) {
		uint64_t gap;

		if (!drain_find(g, &rec)) {
			g->drain_left = 0;
			break;
		}
		drain_one(g, rec);
		g->drain_left--;
		gap = drain_gap(g);
		g->drain_due_us += gap / 2 + drain_below(gap + 1);
	}
}

/* After it: everybody, also those who came meanwhile. */
static void
drain_rest(struct gateway *g)
{
	uint32_t high = atomic_load(&g->slot->high_water), n = 0;

	for (uint32_t rec = 0; rec < high && n < DRAIN_PER_RUN; rec++) {
		uint8_t state = g->table.records[rec].body.state;

		if (g->drain_cut && state != RECORD_FREE) {
			conn_kill(g, rec, COUNTER_CLOSE_DEADLINE);
			n++;
		} else if (state == RECORD_OPEN) {
			drain_one(g, rec);
			n++;
		} else if (state == RECORD_HANDSHAKE) {
			handshake_turn_away(g, rec);
			n++;
		}
	}
}

/* The node's drain has no permission any more, and maybe no supervisor that
 * would say so. */
static bool
drain_is_held(const struct gateway *g)
{
	const struct node_shared *node = g->worker->node.shared;

	return !g->drain_leave && !g->drain_cut &&
	    node_permit_is_over(&node->permit, &node->drain, g->now_us / 1000);
}

void
drain_run(struct gateway *g)
{
	bool is_over = g->now_us >= g->drain_end_us;

	if (!g->drain_active || g->drain_told || drain_is_held(g))
		return;
	if (is_over)
		drain_rest(g);
	else
		drain_spread(g);
	atomic_store_explicit(&drain_slot_words(g)->drain.closed,
	    g->drain_closed, memory_order_relaxed);
	if (atomic_load(&g->slot->live) == 0 && (is_over || g->draining))
		drain_finish(g);
}
