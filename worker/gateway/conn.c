/* SPDX-License-Identifier: ISC */
/*
 * A connection's events, closing and death, see conn.h.  RFC 6455 section 7
 * for the close handshake; FIN is sent before close() so that a last frame is
 * not lost to a reset.
 */
#include "worker/gateway/conn.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "lib/hash.h"
#include "proto/ring_messages.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/input.h"
#include "worker/gateway/output.h"
#include "worker/gateway/pressure.h"
#include "worker/gateway/upstream.h"
#include "worker/gateway/ws_frame.h"

uint64_t
conn_address_key(struct gateway *g, const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
		0xff };
	/* An IPv6 site is a /64: one subscriber has all of it. */
	size_t n = memcmp(addr, mapped, sizeof(mapped)) == 0 ? 16 : 8;
	uint64_t key = hash_bytes(&g->table.key, addr, n);

	return key == 0 ? 1 : key;
}

uint64_t
conn_client_key(struct gateway *g, const char *id, size_t len)
{
	uint64_t key = hash_bytes(&g->table.key, id, len);

	return key == 0 ? 1 : key;
}

static void
conn_set_deadline(struct gateway *g, struct step_work *w, uint64_t ms)
{
	w->body.deadline_ds = (uint16_t)((g->now_us / 1000 + ms) / 100);
}

void
conn_linger(struct gateway *g, struct step_work *w, uint16_t code,
    enum counter cause)
{
	if (w->body.state == RECORD_OPEN || w->body.state == RECORD_HANDSHAKE)
		counter_add(gateway_counters(g), cause, 1);
	w->body.state = RECORD_LINGER;
	w->body.flags |= RECORD_FIN_AFTER;
	if (w->body.close_code == 0)
		w->body.close_code = code;
	conn_set_deadline(g, w, GATEWAY_LINGER_MS);
}

void
conn_die(struct gateway *g, struct step_work *w, enum counter cause)
{
	if (w->body.state == RECORD_DYING)
		return;
	if (w->body.state == RECORD_OPEN || w->body.state == RECORD_HANDSHAKE)
		counter_add(gateway_counters(g), cause, 1);
	step_drop_busy(g);
	w->body.state = RECORD_DYING;
}

void
conn_begin_close(struct gateway *g, struct step_work *w, uint16_t code,
    const char *reason, enum counter cause)
{
	if (w->body.state == RECORD_HANDSHAKE) {
		conn_die(g, w, cause);
		return;
	}
	if (w->body.state != RECORD_OPEN)
		return;
	counter_add(gateway_counters(g), cause, 1);
	w->body.state = RECORD_CLOSING;
	w->body.close_code = code;
	conn_set_deadline(g, w, g->worker->settings.websocket.close_timeout_ms);
	if (output_close(g, w, code, reason) != 0)
		step_doom(g, COUNTER_CLOSE_MEMORY);
}

void
conn_close(struct gateway *g, uint32_t rec, uint16_t code, const char *reason,
    enum counter cause)
{
	struct step_work *w;
	uint8_t state = g->table.records[rec].body.state;

	if (state != RECORD_OPEN && state != RECORD_HANDSHAKE)
		return;
	w = step_begin(g, STEP_CLOSE, rec);
	conn_begin_close(g, w, code, reason, cause);
	step_commit(g);
	step_finish(g);
	heartbeat_arm(g, rec);
}

void
conn_kill(struct gateway *g, uint32_t rec, enum counter cause)
{
	struct step_work *w = step_begin(g, STEP_DEATH, rec);

	conn_die(g, w, cause);
	step_commit(g);
	step_finish(g);
}

void
conn_forget(struct gateway *g, uint32_t rec, const struct record_body *body)
{
	timer_wheel_cancel(&g->wheel, rec);
	if (body->flags & RECORD_INDEXED) {
		table_index_drop(&g->table, rec);
		gateway_tell_route(g, RING_DISCONNECTED, rec, body);
		if (g->open > 0)
			g->open--;
		if (g->held > 0)
			g->held--;
	}
	if (body->flags & RECORD_COUNTED)
		node_ip_remove(&g->worker->node, g->worker->slot_no,
		    conn_address_key(g, body->addr));
}

void
conn_settle_kick(struct gateway *g)
{
	struct slot_header *slot = g->slot;
	uint32_t rec = atomic_load_explicit(&slot->kick_rec,
	    memory_order_relaxed);

	if (rec == RECORD_NONE)
		return;
	if (rec < g->table.capacity &&
	    g->table.records[rec].body.gen == slot->kick_gen)
		conn_close(g, rec, WS_CLOSE_REPLACED, "replaced",
		    COUNTER_CLOSE_REPLACED);
	commit_store(&slot->kick_rec, RECORD_NONE);
}

static enum counter
conn_eof_cause(const struct step_work *w)
{
	return w->body.state == RECORD_HANDSHAKE ? COUNTER_HANDSHAKE_ABANDONED :
						   COUNTER_CLOSE_EOF;
}

void
conn_take(struct gateway *g, struct step_work *w, size_t n, bool gone)
{
	uint8_t state = w->body.state;
	uint32_t rec = w->rec;

	if (gone)
		conn_die(g, w, conn_eof_cause(w));
	else
		n = input_bytes(g, w, g->table.scratch_in, n);
	if (w->peeked && n > 0)
		upstream_settle(g, w, (uint32_t)n);
	step_commit(g);
	if (state == RECORD_HANDSHAKE && w->body.state == RECORD_OPEN) {
		g->open++;
		gateway_publish(g);
		gateway_tell_route(g, RING_CONNECTED, rec, &w->body);
	}
	step_finish(g);
	if (g->table.records[rec].body.state != state)
		heartbeat_arm(g, rec);
	conn_settle_kick(g);
}

void
conn_read(struct gateway *g, uint32_t rec)
{
	struct step_work *w = step_begin(g, STEP_READ, rec);
	bool peeks = upstream_is_stream(g);
	ssize_t n = recv(w->body.fd, g->table.scratch_in, SLOT_SCRATCH_IN,
	    MSG_DONTWAIT | (peeks ? MSG_PEEK : 0));
	bool is_nothing = n < 0 && (errno == EAGAIN || errno == EINTR);

	if (is_nothing && !(w->body.flags & RECORD_HELD)) {
		step_end(g);
		return;
	}
	w->peeked = peeks;
	conn_take(g, w, n > 0 ? (size_t)n : 0, n <= 0 && !is_nothing);
	if (w->held)
		upstream_hold(g);
}

void
conn_on_event(struct gateway *g, uint32_t rec, uint32_t gen, uint32_t events)
{
	const struct record_body *body;

	if (rec >= g->table.capacity)
		return;
	pressure_relieve(g, 0);
	body = &g->table.records[rec].body;
	/* The connection may have died earlier in this batch. */
	if (body->gen != gen || body->state == RECORD_FREE)
		return;
	if (events & EPOLLOUT) {
		(void)step_begin(g, STEP_WRITE, rec);
		step_finish(g);
		if (body->state == RECORD_FREE)
			return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	if (!(body->flags & RECORD_UNREAD))
		conn_read(g, rec);
	else if (events & (EPOLLHUP | EPOLLERR))
		conn_kill(g, rec, COUNTER_CLOSE_EOF);
}
