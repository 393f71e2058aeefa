/* SPDX-License-Identifier: ISC */
/*
 * Draining, see drain.h.  Connections are closed in the order of their
 * records, as many as the elapsed part of the window asks for: an even pace,
 * never a wave.  After the window everybody goes, also those who came
 * meanwhile.
 */
#include "worker/gateway/drain.h"

#include <stdio.h>

#include "lib/log.h"
#include "lib/random.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/ws_frame.h"

#define DRAIN_PER_RUN 1024u

/* Does this slot take part in the fair share of new connections? */
static void
drain_publish(struct gateway *g)
{
	struct node_slot *s = &g->worker->node.shared->slot[g->worker->slot_no];

	atomic_store(&s->accepting, g->draining ? 0u : 1u);
}

void
drain_on_order(struct gateway *g, const Holdfast__Drain *order)
{
	if (order->has_undo && order->undo) {
		g->drain_active = g->draining = false;
		drain_publish(g);
		commit_store(&g->slot->tenant_state, (uint32_t)TENANT_SERVING);
		log_info("drain_undone", NULL);
		return;
	}
	gateway_clock(g);
	g->drain_active = true;
	g->draining = !(order->has_accept && order->accept);
	g->drain_leave = order->has_leave && order->leave;
	g->drain_code = (uint16_t)order->close_code;
	g->drain_next = 0;
	g->drain_done = 0;
	g->drain_total = atomic_load(&g->slot->live);
	g->drain_start_us = g->now_us;
	g->drain_window_us = order->window_ms * 1000;
	g->drain_told = false;
	drain_publish(g);
	commit_store(&g->slot->tenant_state, (uint32_t)TENANT_DRAINING);
	log_info("drain_started", NULL, log_uint("connections", g->drain_total),
	    log_uint("window_ms", order->window_ms));
	drain_run(g);
}

static void
drain_one(struct gateway *g, uint32_t rec)
{
	const struct record_body *b = &g->table.records[rec].body;
	uint64_t left_us = 0;
	char reason[40] = "";

	if (g->now_us - g->drain_start_us < g->drain_window_us)
		left_us = g->drain_window_us - (g->now_us - g->drain_start_us);
	if ((b->flags & RECORD_HINT) && g->drain_code == WS_CLOSE_RESTART)
		(void)snprintf(reason, sizeof(reason), "reconnect_ms=%u",
		    random_below((uint32_t)(left_us / 1000) + 1000));
	conn_close(g, rec, g->drain_code, reason,
	    g->drain_code == WS_CLOSE_RESTART ? COUNTER_CLOSE_DRAIN :
						COUNTER_CLOSE_STOP);
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

void
drain_run(struct gateway *g)
{
	uint64_t elapsed = g->now_us - g->drain_start_us;
	uint32_t high, target = UINT32_MAX, n = 0;

	if (!g->drain_active || g->drain_told)
		return;
	if (elapsed < g->drain_window_us)
		target = (uint32_t)((double)g->drain_total * (double)elapsed /
		    (double)g->drain_window_us);
	high = atomic_load(&g->slot->high_water);
	while (g->drain_done < target && n < DRAIN_PER_RUN) {
		uint8_t state;

		if (g->drain_next >= high)
			break;
		state = g->table.records[g->drain_next].body.state;
		if (state != RECORD_FREE) {
			g->drain_done++;
			n++;
		}
		if (state == RECORD_OPEN || state == RECORD_HANDSHAKE)
			drain_one(g, g->drain_next);
		g->drain_next++;
	}
	if (elapsed < g->drain_window_us)
		return;
	/* Who came meanwhile, or was passed over: once more from the start. */
	if (g->drain_next >= high && g->open > 0)
		g->drain_next = g->drain_done = 0;
	if (atomic_load(&g->slot->live) == 0)
		drain_finish(g);
}
