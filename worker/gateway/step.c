/* SPDX-License-Identifier: ISC */
/*
 * Steps and their journal, see step.h.  The order of stores in this file is
 * what crash recovery rests on: read it together with adopt.c.
 */
#include "worker/gateway/step.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/deliver.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/output.h"
#include "worker/gateway/watch.h"
#include "worker/gateway/ws_frame.h"
#include "worker/handoff.h"

#define INTEREST (RECORD_WANT_OUT | RECORD_PAUSED | RECORD_HELD)

static bool
busy_is_idle(const struct record_busy *b)
{
	return b->in_ref == 0 && b->in_len == 0 && b->frame_left == 0 &&
	    b->message_opcode == 0 && b->out_ref == 0 && b->stash_len == 0;
}

struct step_work *
step_load(struct gateway *g, enum step_kind kind, uint32_t rec)
{
	struct step_work *w = &g->work;

	w->rec = rec;
	w->kind = kind;
	w->committed = false;
	w->doomed = false;
	w->peeked = w->told = w->held = false;
	w->body = g->table.records[rec].body;
	w->busy_ref = w->body.busy;
	if (w->busy_ref != 0)
		w->busy = *(
		    struct record_busy *)arena_at(g->arena, w->busy_ref);
	else
		memset(&w->busy, 0, offsetof(struct record_busy, stash));
	w->was = w->body;
	w->was_busy = w->busy;
	w->out_len = 0;
	w->end_position = 0;
	w->ring_applied = 0;
	w->token = 0;
	w->broadcast_next = 0;
	w->kick = RECORD_NONE;
	w->journal_flags = 0;
	w->old_count = 0;
	return w;
}

struct step_work *
step_begin(struct gateway *g, enum step_kind kind, uint32_t rec)
{
	struct step *s = &g->slot->step;
	const struct record_body *body = &g->table.records[rec].body;

	s->rec = rec;
	s->gen = body->gen;
	s->given_base = body->given;
	s->out_len = 0;
	atomic_store_explicit(&s->in_len, 0, memory_order_relaxed);
	commit_store(&s->phase, STEP_ANNOUNCED);
	commit_store(&s->kind, kind);
	return step_load(g, kind, rec);
}

void
step_end(struct gateway *g)
{
	commit_store(&g->slot->step.kind, STEP_NONE);
}

static void
step_forget_block(struct step_work *w, uint32_t ref, uint32_t cap)
{
	if (w->old_count == STEP_MAX_OLD)
		fatal("step_old_blocks", "more blocks replaced than exist");
	w->old[w->old_count].ref = ref;
	w->old[w->old_count].cap = cap;
	w->old_count++;
}

void
step_drop_block(struct gateway *g, uint32_t ref, uint32_t cap)
{
	struct step_work *w = &g->work;

	if (ref == w->was_busy.in_ref || ref == w->was_busy.out_ref ||
	    ref == w->was.busy)
		step_forget_block(w, ref, cap);
	else
		arena_release(g->arena, ref, cap);
}

/* Drops all blocks of the working copy: the connection holds bytes no more. */
void
step_drop_busy(struct gateway *g)
{
	struct step_work *w = &g->work;

	if (w->busy.in_ref != 0)
		step_drop_block(g, w->busy.in_ref, w->busy.in_cap);
	if (w->busy.out_ref != 0)
		step_drop_block(g, w->busy.out_ref, w->busy.out_cap);
	memset(&w->busy, 0, offsetof(struct record_busy, stash));
}

/* Back to what was committed, but for the bytes that were read. */
static void
step_revert(struct gateway *g)
{
	struct step_work *w = &g->work;
	uint64_t taken = w->body.taken;

	if (w->busy.in_ref != 0 && w->busy.in_ref != w->was_busy.in_ref)
		arena_release(g->arena, w->busy.in_ref, w->busy.in_cap);
	if (w->busy.out_ref != 0 && w->busy.out_ref != w->was_busy.out_ref)
		arena_release(g->arena, w->busy.out_ref, w->busy.out_cap);
	if (w->busy_ref != 0 && w->busy_ref != w->was.busy)
		arena_release(g->arena, w->busy_ref, sizeof(w->busy));
	w->body = w->was;
	w->body.taken = taken;
	w->busy = w->was_busy;
	w->busy_ref = w->was.busy;
	w->old_count = 0;
	w->out_len = 0;
	w->journal_flags &= ~JOURNAL_INDEX_PUT;
	w->kick = RECORD_NONE;
}

void
step_doom(struct gateway *g, enum counter cause)
{
	struct step_work *w = &g->work;

	if (w->doomed)
		return;
	w->doomed = true;
	w->doom_cause = cause;
	step_revert(g);
	if (!w->committed && w->body.state == RECORD_OPEN &&
	    w->busy.out_ref == 0) {
		/* The scratch needs no memory: say why. */
		step_drop_busy(g);
		(void)output_close(g, w, WS_CLOSE_OVERLOAD, NULL);
		conn_linger(g, w, WS_CLOSE_OVERLOAD, cause);
	} else {
		conn_die(g, w, cause);
	}
}

static void
journal_fill(struct gateway *g, struct journal *j)
{
	struct step_work *w = &g->work;

	j->body = w->body;
	if (w->busy_ref != 0)
		j->busy = w->busy;
	j->rec = w->rec;
	j->busy_ref = w->busy_ref;
	j->ring_applied = w->ring_applied;
	j->broadcast_next = w->broadcast_next;
	j->kick = w->kick;
	j->kick_gen = w->kick_gen;
	j->flags = w->journal_flags;
}

void
step_apply_journal(struct gateway *g, bool adopting)
{
	struct slot_header *slot = g->slot;
	const struct journal *j =
	    &slot->journal[atomic_load_explicit(&slot->step.phase,
			       memory_order_relaxed) == STEP_PARKED];
	uint32_t old;

	if (j->busy_ref != 0)
		memcpy(arena_at(g->arena, j->busy_ref), &j->busy,
		    sizeof(j->busy));
	table_write(&g->table, j->rec, &j->body);
	if (j->ring_applied != 0)
		commit_store(&slot->ring_applied, j->ring_applied);
	if (j->flags & JOURNAL_BROADCAST)
		commit_store(&slot->broadcast_next, j->broadcast_next);
	if (j->kick != RECORD_NONE) {
		slot->kick_gen = j->kick_gen;
		commit_store(&slot->kick_rec, j->kick);
	}
	if (!adopting && (j->flags & JOURNAL_INDEX_PUT) &&
	    table_index_put(&g->table, j->rec, &old) != 0)
		log_error("index_full", "client cannot be found by its id",
		    log_uint("record", j->rec));
}

bool
step_is_held(const struct record_body *b)
{
	return (b->flags & RECORD_INDEXED) != 0 ||
	    (b->state == RECORD_HANDSHAKE && (b->flags & RECORD_ADMITTED));
}

/* Who is refused takes nobody's place while its answer is on its way. */
static void
step_count_held(struct gateway *g)
{
	bool was = step_is_held(&g->work.was), is = step_is_held(&g->work.body);

	if (is == was)
		return;
	g->held += is ? 1u : 0u;
	if (was && g->held > 0)
		g->held--;
	gateway_publish(g);
}

void
step_commit(struct gateway *g)
{
	struct step_work *w = &g->work;
	struct step *s = &g->slot->step;
	uint32_t cap;

	if (!busy_is_idle(&w->busy)) {
		if (w->busy_ref == 0 &&
		    arena_alloc(g->arena, sizeof(w->busy), &w->busy_ref,
			&cap) != 0) {
			w->busy_ref = 0;
			counter_add(gateway_counters(g), COUNTER_ARENA_FULL, 1);
			step_doom(g, COUNTER_CLOSE_MEMORY);
		}
	}
	if (busy_is_idle(&w->busy) && w->busy_ref != 0) {
		step_drop_block(g, w->busy_ref, sizeof(w->busy));
		w->busy_ref = 0;
	}
	w->body.busy = w->busy_ref;
	if (!w->committed)
		w->end_position = w->busy.out_ref != 0 ?
		    w->busy.out_base + w->busy.out_len :
		    s->given_base + w->out_len;
	journal_fill(g, &g->slot->journal[w->committed]);
	if (!w->committed)
		s->out_len = w->out_len;
	commit_store(&s->phase, w->committed ? STEP_PARKED : STEP_EFFECT);
	step_apply_journal(g, false);

	for (uint32_t i = 0; i < w->old_count; i++)
		arena_release(g->arena, w->old[i].ref, w->old[i].cap);
	w->old_count = 0;
	step_count_held(g);
	w->was = w->body;
	w->was_busy = w->busy;
	w->ring_applied = 0;
	w->kick = RECORD_NONE;
	w->journal_flags = 0;
	w->committed = true;
}

/* Hands output to the kernel: 0 all of it, 1 some is left, -errno. */
static int
step_send(struct gateway *g)
{
	struct step_work *w = &g->work;
	struct record *r = &g->table.records[w->rec];
	size_t n;

	for (;;) {
		const uint8_t *p = output_next(g, w, &n);
		ssize_t sent;

		if (n == 0)
			return 0;
		sent = send(w->body.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 1 : -errno;
		w->body.given += (uint64_t)sent;
		commit_store((_Atomic uint64_t *)&r->body.given, w->body.given);
		counter_add(gateway_counters(g), COUNTER_BYTES_OUT,
		    (uint64_t)sent);
		if ((size_t)sent < n)
			return 1;
	}
}

/* Decides what the record must say after sending; true: it changed. */
static bool
step_tidy(struct gateway *g, bool left)
{
	struct step_work *w = &g->work;
	uint64_t high = g->worker->settings.websocket.max_queue / 2;
	bool changed = false;
	uint64_t pending;

	if (!left && w->busy.out_ref != 0) {
		step_drop_block(g, w->busy.out_ref, w->busy.out_cap);
		w->busy.out_ref = w->busy.out_cap = w->busy.out_len = 0;
		changed = true;
	} else if (left && w->busy.out_ref == 0) {
		if (output_grow(g, w, 0) != 0) {
			conn_die(g, w, COUNTER_CLOSE_MEMORY);
			return true;
		}
		changed = true;
	}
	pending = output_pending(w);
	w->body.flags &= (uint16_t)~RECORD_WANT_OUT;
	if (left)
		w->body.flags |= RECORD_WANT_OUT;
	if (pending > high && !(w->body.flags & RECORD_PAUSED)) {
		w->body.flags |= RECORD_PAUSED;
		counter_add(gateway_counters(g), COUNTER_READ_PAUSED, 1);
	} else if (pending <= high / 2 && (w->body.flags & RECORD_PAUSED)) {
		/* Whoever was held meanwhile tries again by itself. */
		w->body.flags &= (uint16_t)~RECORD_UNREAD;
	}
	if (w->held && !(w->body.flags & RECORD_HELD)) {
		w->body.flags |= RECORD_HELD;
		counter_add(gateway_counters(g), COUNTER_UPSTREAM_PAUSES, 1);
	}
	if (!w->held &&
	    (w->kind == STEP_READ || w->body.state == RECORD_LINGER))
		w->body.flags &= (uint16_t)~RECORD_HELD;
	if (!left && (w->body.flags & RECORD_FIN_AFTER))
		w->body.flags |= RECORD_FIN_SENT;
	return changed || w->body.flags != w->was.flags;
}

/* A copy elsewhere would keep it open and in the epoll set. */
static void
step_close(struct gateway *g, int fd)
{
	if (worker_copies_exist(g->worker)) {
		(void)epoll_ctl(g->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		(void)shutdown(fd, SHUT_RDWR);
	}
	(void)close(fd);
}

/* The connection is DYING by a committed record: everything here may be done
 * twice. */
void
step_bury(struct gateway *g)
{
	struct step_work *w = &g->work;

	conn_forget(g, w->rec, &w->body);
	if (w->token != 0)
		deliver_receipt(g, w);
	if (w->body.fd >= 0)
		step_close(g, w->body.fd);
	w->body.state = RECORD_FREE;
	w->body.fd = -1;
	w->body.flags = 0;
	w->body.id_len = 0;
	table_write(&g->table, w->rec, &w->body);
	step_end(g);
	table_give_back(&g->table, w->rec);
	gateway_publish(g);
}

void
step_interest(struct gateway *g, uint32_t rec, const struct record_body *body,
    int op)
{
	int rc = watch_set(g->epoll_fd, op, rec, body);

	if (rc != 0 && rc != -EEXIST)
		log_error("epoll_ctl_failed", "connection may stand still",
		    log_errno(rc), log_uint("record", rec));
}

void
step_finish(struct gateway *g)
{
	struct step_work *w = &g->work;
	uint16_t before = w->was.flags;
	int rc;

	if (w->body.state == RECORD_DYING) {
		step_bury(g);
		return;
	}
	rc = step_send(g);
	if (rc < 0)
		conn_die(g, w, COUNTER_CLOSE_EOF);
	if (rc < 0 || step_tidy(g, rc == 1))
		step_commit(g);
	if (w->body.state == RECORD_DYING) {
		step_bury(g);
		return;
	}
	if ((before ^ w->body.flags) & INTEREST)
		step_interest(g, w->rec, &w->body, EPOLL_CTL_MOD);
	if ((w->body.flags & ~before) & RECORD_FIN_SENT)
		(void)shutdown(w->body.fd, SHUT_WR);
	if (w->token != 0)
		deliver_receipt(g, w);
	step_end(g);
}
