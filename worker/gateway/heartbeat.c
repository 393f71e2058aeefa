/* SPDX-License-Identifier: ISC */
/*
 * Deadlines and pings, see heartbeat.h.  Pings go out at seen + k * interval
 * for k < misses; at seen + misses * interval the peer is dead (1001).  Times
 * are rounded so that this is never late: a dead peer is gone within the
 * configured time.
 */
#include "worker/gateway/heartbeat.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/output.h"
#include "worker/gateway/ws_frame.h"

#define EARLY_MS      (3 * TIMER_WHEEL_TICK_MS)
#define FIRES_PER_RUN 4096u
#define AHEAD_US      1000000u

static uint32_t
heartbeat_dead_ms(const struct gateway *g)
{
	uint64_t ms = g->worker->settings.websocket.ping_interval_ms *
	    g->worker->settings.websocket.ping_misses;

	return ms > EARLY_MS ? (uint32_t)ms - EARLY_MS : (uint32_t)ms;
}

/* How long ago the peer, silent for idle_ms, was asked for a sign of life by
 * the last ping; UINT32_MAX: not since it was last seen.  With one miss there
 * are no pings and peers speak by themselves. */
static uint32_t
heartbeat_asked_ms(const struct gateway *g, const struct record_body *b,
    uint32_t idle_ms)
{
	uint32_t us = (uint32_t)g->now_us - b->ping_us;
	uint32_t ms = us / 1000;

	/* A ping of this turn is younger than the turn. */
	if (-us < AHEAD_US)
		ms = 0;
	if (g->worker->settings.websocket.ping_misses < 2)
		return idle_ms;
	return (b->flags & RECORD_PINGED) && ms <= idle_ms ? ms : UINT32_MAX;
}

/* For how long a peer has been silent when it is to be looked at again.
 * Nobody is dead unasked: when a ping could not leave in time (no tenant, a
 * stopped machine, a shorter interval) it leaves late, and gives half an
 * interval to answer. */
static uint32_t
heartbeat_next(const struct gateway *g, const struct record_body *b,
    uint32_t idle)
{
	uint32_t interval =
	    (uint32_t)g->worker->settings.websocket.ping_interval_ms;
	uint32_t asked = heartbeat_asked_ms(g, b, idle);
	uint32_t dead = heartbeat_dead_ms(g);
	uint32_t next = (idle / interval + 1) * interval;

	if (asked == UINT32_MAX && idle >= interval)
		return idle;
	if (next > dead)
		next = dead;
	if (asked < interval / 2 && next < idle + interval / 2 - asked)
		next = idle + interval / 2 - asked;
	return next;
}

static uint32_t
heartbeat_due(const struct gateway *g, const struct record_body *b)
{
	uint32_t idle = g->now_ms - b->seen_ms;
	uint32_t next;

	switch (b->state) {
	case RECORD_HANDSHAKE:
		return b->seen_ms +
		    (uint32_t)
			g->worker->settings.websocket.handshake_timeout_ms;
	case RECORD_OPEN:
		next = heartbeat_next(g, b, idle);
		if (b->expiry != 0) {
			int64_t left = (int64_t)b->expiry * 1000 -
			    (int64_t)clock_real_ms();

			if (left < (int64_t)next - idle)
				next = idle + (left > 0 ? (uint32_t)left : 0);
		}
		return b->seen_ms + next;
	default:
		return g->now_ms +
		    (uint32_t)((int16_t)(b->deadline_ds -
			(uint16_t)(g->now_us / 100000))) *
		    100u;
	}
}

void
heartbeat_arm(struct gateway *g, uint32_t rec)
{
	const struct record_body *b = &g->table.records[rec].body;

	if (b->state == RECORD_FREE || b->state == RECORD_DYING)
		timer_wheel_cancel(&g->wheel, rec);
	else
		timer_wheel_set(&g->wheel, rec, heartbeat_due(g, b));
}

static void
heartbeat_ping(struct gateway *g, uint32_t rec)
{
	struct step_work *w = step_begin(g, STEP_TIMER, rec);
	uint32_t us = (uint32_t)clock_mono_us();

	w->body.ping_us = us;
	w->body.flags |= RECORD_PINGED;
	/* Whoever visits keeps idle buckets from looking recent. */
	token_bucket32_touch(&w->body.rate_messages, &g->message_rate,
	    g->now_us);
	token_bucket32_touch(&w->body.rate_bytes, &g->byte_rate, g->now_us);
	if (output_frame(g, w, WS_OP_PING, false, &us, sizeof(us)) != 0)
		step_doom(g, COUNTER_CLOSE_MEMORY);
	else
		counter_add(gateway_counters(g), COUNTER_PINGS_SENT, 1);
	step_commit(g);
	step_finish(g);
}

/* While we do not read, because it does not or Redis does not, a client's pongs
 * wait in the socket; what it acknowledges shows that it lives. */
static bool
heartbeat_acks(const struct gateway *g, const struct record_body *b)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (!(b->flags & RECORD_UNREAD) ||
	    getsockopt(b->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	return info.tcpi_last_ack_recv < heartbeat_dead_ms(g);
}

static void
heartbeat_open(struct gateway *g, uint32_t rec)
{
	const struct record_body *b = &g->table.records[rec].body;
	uint32_t interval =
	    (uint32_t)g->worker->settings.websocket.ping_interval_ms;
	uint32_t idle = g->now_ms - b->seen_ms;
	uint32_t asked = heartbeat_asked_ms(g, b, idle);
	bool answers_are_due = asked != UINT32_MAX && asked >= interval / 2;

	if (b->expiry != 0 && (uint64_t)b->expiry * 1000 <= clock_real_ms()) {
		conn_close(g, rec, WS_CLOSE_GOING_AWAY, "maximum age",
		    COUNTER_CLOSE_AGE);
		return;
	}
	if (idle >= heartbeat_dead_ms(g) && answers_are_due) {
		if (heartbeat_acks(g, b)) {
			timer_wheel_set(&g->wheel, rec,
			    g->now_ms + heartbeat_dead_ms(g) / 2);
			return;
		}
		/* Nobody is there to finish a close handshake with. */
		conn_close(g, rec, WS_CLOSE_GOING_AWAY, "heartbeat lost",
		    COUNTER_CLOSE_HEARTBEAT);
		if (b->state != RECORD_FREE)
			conn_kill(g, rec, COUNTER_CLOSE_HEARTBEAT);
		return;
	}
	if (idle >= interval && (asked == UINT32_MAX || answers_are_due))
		heartbeat_ping(g, rec);
	heartbeat_arm(g, rec);
}

static void
on_due(uint32_t rec, void *arg)
{
	struct gateway *g = arg;
	const struct record_body *b = &g->table.records[rec].body;

	switch (b->state) {
	case RECORD_HANDSHAKE:
		conn_kill(g, rec, COUNTER_HANDSHAKE_TIMEOUT);
		break;
	case RECORD_OPEN:
		heartbeat_open(g, rec);
		break;
	case RECORD_CLOSING:
		counter_add(gateway_counters(g), COUNTER_CLOSE_DEADLINE, 1);
		conn_kill(g, rec, COUNTER_CLOSE_DEADLINE);
		break;
	case RECORD_LINGER:
		conn_kill(g, rec, COUNTER_CLOSE_DEADLINE);
		break;
	default:
		break;
	}
}

void
heartbeat_run(struct gateway *g)
{
	(void)timer_wheel_advance(&g->wheel, g->now_ms, on_due, g,
	    FIRES_PER_RUN);
}
