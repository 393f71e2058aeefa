/* SPDX-License-Identifier: ISC */
/*
 * The ring in and its backpressure, see upstream.h.
 */
#include "worker/gateway/upstream.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "proto/ring_messages.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/input.h"
#include "worker/gateway/ws_frame.h"

#define ROOM_WAIT_MS	 2u
#define ROOM_WAIT_MAX_MS 64u

bool
upstream_is_stream(const struct gateway *g)
{
	return g->worker->settings.upstream.mode == UPSTREAM_STREAM;
}

/* The memfd may come from a time when nobody needed this ring. */
static int
make(int fd)
{
	const uint64_t at = ring_bytes(RING_UP_BYTES);

	if (ftruncate(fd, (off_t)(at + ring_bytes(RING_IN_BYTES))) == -1)
		return -errno;
	return ring_format_at(fd, at, RING_IN_BYTES);
}

void
upstream_apply(struct gateway *g)
{
	uint32_t slot = g->worker->slot_no;
	int fd, event_fd, rc;

	if (!upstream_is_stream(g) || g->upstream.in.shared != NULL)
		return;
	fd = worker_fd(g->worker, SLOT_FD_RING_UP, slot);
	event_fd = worker_fd(g->worker, SLOT_FD_RING_UP_EVENT, slot);
	rc = ring_attach_at(&g->upstream.in, fd, ring_bytes(RING_UP_BYTES),
	    event_fd);
	if (rc == -EPROTO) {
		rc = make(fd);
		if (rc == 0)
			rc = ring_attach_at(&g->upstream.in, fd,
			    ring_bytes(RING_UP_BYTES), event_fd);
	}
	if (rc != 0 && !g->upstream.failed)
		log_error("upstream_failed", "clients that send must wait",
		    log_errno(rc));
	g->upstream.failed = rc != 0;
	g->upstream.dirty = rc == 0; /* a wake-up may have died with somebody */
}

static bool
has_room(const struct gateway *g)
{
	return g->upstream.in.shared != NULL &&
	    ring_free(&g->upstream.in) >= RING_IN_RESERVED;
}

bool
upstream_may_take(const struct gateway *g, const struct step_work *w,
    uint8_t byte)
{
	if (has_room(g))
		return true;
	/* Payload of data; else a header, of which the stash has the begin. */
	if (w->busy.frame_left > 0)
		return false;
	if (w->busy.stash_len > 0)
		byte = w->busy.stash[0];
	return ws_frame_is_control(byte & 0x0f);
}

/* What a client sent before it knew that we close for reasons of our own. */
bool
upstream_takes_last(const struct gateway *g, const struct step_work *w)
{
	return upstream_is_stream(g) && w->body.state == RECORD_CLOSING &&
	    (w->body.close_code == WS_CLOSE_RESTART ||
		w->body.close_code == WS_CLOSE_GOING_AWAY ||
		w->body.close_code == WS_CLOSE_REPLACED);
}

void
upstream_put(struct gateway *g, struct step_work *w, uint8_t opcode,
    const uint8_t *p, size_t n)
{
	struct ring_message message = {
		.seq = w->body.messages_in,
		.received_ms = clock_real_ms(),
		.opcode = opcode,
		.id_len = w->body.id_len,
	};
	char id[RECORD_ID_MAX + 1];
	struct ring_part parts[3];

	if (w->told)
		return;
	memcpy(message.uuid, w->body.uuid, sizeof(message.uuid));
	table_id(&g->table, w->rec, id);
	parts[0] = (struct ring_part){ &message, sizeof(message) };
	parts[1] = (struct ring_part){ id, w->body.id_len };
	parts[2] = (struct ring_part){ p, n };
	crash_mark();
	/* It fits, but for bytes that were read in another mode. */
	if (g->upstream.in.shared == NULL ||
	    ring_put(&g->upstream.in, RING_MESSAGE, parts, 3, NULL) != 0) {
		input_fail(g, w, WS_CLOSE_OVERLOAD, "no room",
		    COUNTER_UPSTREAM_REFUSED);
		return;
	}
	counter_add(gateway_counters(g), COUNTER_UPSTREAM_MESSAGES, 1);
	g->upstream.dirty = true;
}

void
upstream_settle(struct gateway *g, struct step_work *w, uint32_t n)
{
	ssize_t got;

	commit_store(&g->slot->step.in_len, n);
	while (n > 0) {
		got = recv(w->body.fd, g->table.scratch_in, n,
		    MSG_DONTWAIT | MSG_TRUNC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			/* They were there; the connection is not. */
			conn_die(g, w, COUNTER_CLOSE_EOF);
			return;
		}
		n -= (uint32_t)got;
	}
	crash_mark();
}

void
upstream_wake(struct gateway *g)
{
	if (g->upstream.dirty)
		ring_wake(&g->upstream.in);
	g->upstream.dirty = false;
}

/* ---- clients that wait */

static void
look_later(struct gateway *g)
{
	const struct timeval delay = { 0,
		(suseconds_t)g->upstream.wait_ms * 1000 };

	(void)event_add(g->upstream.on_room, &delay);
}

void
upstream_hold(struct gateway *g)
{
	if (g->upstream.held)
		return;
	g->upstream.held = true;
	g->upstream.wait_ms = ROOM_WAIT_MS;
	look_later(g);
}

/* Half of what may be used is free: it is worth the search. */
static bool
is_worth_it(const struct gateway *g)
{
	if (!upstream_is_stream(g))
		return true;
	return g->upstream.in.shared != NULL &&
	    ring_free(&g->upstream.in) >=
	    RING_IN_RESERVED + (RING_IN_BYTES - RING_IN_RESERVED) / 2;
}

/* Those that have waited longest come first: the search goes on where it
 * ended. */
static void
read_held(struct gateway *g)
{
	uint32_t high = atomic_load_explicit(&g->slot->high_water,
	    memory_order_relaxed);

	for (uint32_t n = 0; n < high; n++) {
		const struct record_body *b;

		if (g->upstream.next >= high)
			g->upstream.next = 0;
		b = &g->table.records[g->upstream.next].body;
		if (b->state != RECORD_FREE && (b->flags & RECORD_HELD)) {
			if (upstream_is_stream(g) && !has_room(g)) {
				upstream_hold(g);
				return;
			}
			if (!(b->flags & RECORD_PAUSED))
				conn_read(g, g->upstream.next);
		}
		g->upstream.next++;
	}
}

void
upstream_on_room(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;

	(void)fd;
	(void)what;
	if (!is_worth_it(g)) {
		if (g->upstream.wait_ms < ROOM_WAIT_MAX_MS)
			g->upstream.wait_ms *= 2;
		look_later(g);
		return;
	}
	g->upstream.held = false;
	gateway_clock(g);
	read_held(g);
	worker_beat(g->worker);
	gateway_wake_up(g);
	upstream_wake(g);
}
