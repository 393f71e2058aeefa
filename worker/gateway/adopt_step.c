/* SPDX-License-Identifier: ISC */
/*
 * Settling an interrupted step, see adopt_step.h.  With SIGKILL the step is
 * finished as if nothing had happened; after a fault, or when two tenants died
 * in the same step of the same connection, that connection alone is closed.
 */
#include "worker/gateway/adopt_step.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "proto/node_poison.h"
#include "proto/ring_messages.h"
#include "worker/gateway/admission.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/deliver.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/output.h"
#include "worker/gateway/settle.h"
#include "worker/gateway/ws_frame.h"

/* Somebody else's SIGKILL may well hit twice; a third time it is the kernel
 * running out of memory, over this very step. */
#define KILLS_IN_A_STEP 2u
#define HOPELESS_DEATHS 4u
#define STALL_WAS_IT	2u /* header.killed_for_stall, by the keeper */

static bool
adopt_was_fault(const struct gateway *g)
{
	if (atomic_load(&g->slot->killed_for_stall) == STALL_WAS_IT)
		return false;
	switch (-g->slot->last_exit) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
		return true;
	default:
		return false;
	}
}

/* Did it fail by itself?  Whoever kills a process from outside does not. */
static bool
adopt_was_crash(const struct gateway *g)
{
	return adopt_was_fault(g) || g->slot->last_exit > 0 ||
	    atomic_load(&g->slot->killed_for_stall) == STALL_WAS_IT;
}

static bool
adopt_was_killed(const struct gateway *g)
{
	return atomic_load(&g->slot->killed_for_stall) != STALL_WAS_IT &&
	    g->slot->last_exit == -SIGKILL;
}

/* How many tenants in a row died in this very step. */
static uint32_t
adopt_count_death(struct gateway *g)
{
	struct slot_header *h = g->slot;
	const struct step *s = &h->step;
	uint32_t kind = atomic_load(&s->kind);

	if (h->death_rec == s->rec && h->death_gen == s->gen &&
	    h->death_kind == kind && h->death_count > 0) {
		h->death_count++;
	} else {
		h->death_count = 0;
		atomic_signal_fence(memory_order_seq_cst);
		h->death_rec = s->rec;
		h->death_gen = s->gen;
		h->death_kind = kind;
		atomic_signal_fence(memory_order_seq_cst);
		h->death_count = 1;
	}
	return h->death_count;
}

/* Counts the fault for the client, or its address if it brought no id. */
static void
adopt_poison(struct gateway *g, const struct record_body *b, const char *id)
{
	const struct settings *s = &g->worker->settings;
	uint32_t now_s = (uint32_t)(g->now_us / 1000000);
	uint32_t refuse_s = (uint32_t)(s->worker.poison_refuse_ms / 1000);
	struct node *node = &g->worker->node;
	struct ipaddr addr;

	if (s->worker.poison_faults == 0)
		return;
	if (!(b->flags & RECORD_GENERATED))
		(void)node_poison_fault(node,
		    conn_client_key(g, id, strlen(id)), s->worker.poison_faults,
		    refuse_s, now_s);
	/* An address may stand for many clients: it takes more, and a proxy's
	 * or this host's own never counts. */
	memcpy(addr.bytes, b->addr, sizeof(addr.bytes));
	if (!ipaddr_is_loopback(&addr) && !admission_is_proxy(g, b->addr))
		(void)node_poison_fault(node, conn_address_key(g, b->addr),
		    s->worker.poison_faults *
			((b->flags & RECORD_GENERATED) ? 1 : 10),
		    refuse_s, now_s);
}

static void
adopt_quarantine(struct gateway *g, uint32_t rec, enum step_kind kind,
    uint64_t taken, bool hopeless)
{
	struct record_body b = g->table.records[rec].body;
	char id[RECORD_ID_MAX + 1], why[64];
	struct step_work *w;

	table_id(&g->table, rec, id);
	adopt_poison(g, &b, id);
	(void)snprintf(why, sizeof(why), "a tenant died in its step: %s",
	    step_kind_name(kind));
	worker_event(g->worker, "quarantined", id, why, g->slot->last_exit);
	if (b.state == RECORD_FREE || b.state == RECORD_DYING)
		return;
	w = step_begin(g, STEP_CLOSE, rec);
	w->body.taken = taken;
	w->body.flags |= RECORD_QUARANTINE;
	if (hopeless || b.state != RECORD_OPEN) {
		conn_die(g, w, COUNTER_CLOSE_QUARANTINE);
	} else if (output_close(g, w, WS_CLOSE_INTERNAL, "quarantined") != 0) {
		step_doom(g, COUNTER_CLOSE_QUARANTINE);
	} else {
		conn_linger(g, w, WS_CLOSE_INTERNAL, COUNTER_CLOSE_QUARANTINE);
	}
	step_commit(g);
	step_finish(g);
	heartbeat_arm(g, rec);
}

/* The effect is in the record: hand the rest of the output over. */
static void
adopt_finish_effect(struct gateway *g, enum step_kind kind, uint32_t rec,
    uint64_t given)
{
	struct step *s = &g->slot->step;
	uint32_t phase = atomic_load(&s->phase);
	struct step_work *w = step_load(g, kind, rec);

	w->committed = true;
	if (kind == STEP_DELIVER || kind == STEP_CLOSE)
		w->token = deliver_pending_token(g);
	if (w->body.state == RECORD_DYING) {
		step_bury(g);
		return;
	}
	if (w->body.given != given) {
		counter_add(gateway_counters(g), COUNTER_SETTLED_OUT, 1);
		w->body.given = given;
		commit_store(
		    (_Atomic uint64_t *)&g->table.records[rec].body.given,
		    given);
	}
	if (kind == STEP_READ && (w->body.flags & RECORD_INDEXED))
		gateway_tell_route(g, RING_CONNECTED, rec, &w->body);
	step_interest(g, rec, &w->body, EPOLL_CTL_ADD);
	step_interest(g, rec, &w->body, EPOLL_CTL_MOD);
	if (w->body.flags & RECORD_FIN_SENT)
		(void)shutdown(w->body.fd, SHUT_WR);
	w->was = w->body;
	w->out_len = phase == STEP_EFFECT && w->busy.out_ref == 0 ? s->out_len :
								    0;
	w->end_position = w->busy.out_ref != 0 ?
	    w->busy.out_base + w->busy.out_len :
	    s->given_base + s->out_len;
	if (phase == STEP_PARKED) {
		/* All of it is in the record: a new step sends the rest. */
		if (w->token != 0)
			deliver_receipt(g, w);
		step_end(g);
		(void)step_begin(g, STEP_WRITE, rec);
	}
	step_finish(g);
}

/* Nothing took effect yet, but bytes may have been read or, by a write step,
 * sent. */
static void
adopt_finish_announced(struct gateway *g, enum step_kind kind, uint32_t rec,
    uint64_t taken, uint64_t given)
{
	struct step_work *w = step_load(g, kind, rec);
	uint64_t n = taken - w->body.taken;

	if (w->body.given != given) {
		counter_add(gateway_counters(g), COUNTER_SETTLED_OUT, 1);
		w->body.given = w->was.given = given;
		commit_store(
		    (_Atomic uint64_t *)&g->table.records[rec].body.given,
		    given);
	}
	if (n > SLOT_SCRATCH_IN) {
		log_error("settle_impossible", "connection is given up",
		    log_uint("record", rec), log_uint("bytes", n));
		conn_die(g, w, COUNTER_CLOSE_INVALID);
		step_commit(g);
		step_finish(g);
	} else if (kind == STEP_READ && n > 0) {
		counter_add(gateway_counters(g), COUNTER_SETTLED_IN, 1);
		w->told = atomic_load(&g->slot->step.in_len) != 0;
		conn_take(g, w, (size_t)n, false);
	} else if (kind == STEP_WRITE) {
		step_finish(g);
	} else {
		step_end(g);
	}
}

void
adopt_step(struct gateway *g)
{
	struct slot_header *h = g->slot;
	struct step *s = &h->step;
	enum step_kind kind = (enum step_kind)atomic_load(&s->kind);
	uint32_t phase = atomic_load(&s->phase), rec = s->rec, deaths;
	bool fault = adopt_was_fault(g), quarantine;
	const struct record_body *b;
	uint64_t taken, given;
	int rc;

	if (kind == STEP_NONE) {
		if (adopt_was_crash(g))
			h->unattributed++;
		h->death_count = 0;
		return;
	}
	deaths = adopt_count_death(g);
	counter_add(gateway_counters(g), COUNTER_REPLAYED, 1);
	b = &g->table.records[rec < g->table.capacity ? rec : 0].body;
	if (rec >= g->table.capacity || b->state == RECORD_FREE) {
		step_end(g); /* accept4() without a record, or all is done */
		h->death_count = 0;
		return;
	}
	quarantine = fault ||
	    deaths > (adopt_was_killed(g) ? KILLS_IN_A_STEP : 1);
	taken = b->taken;
	given = b->given;
	if (b->state != RECORD_DYING && !(b->flags & RECORD_FIN_SENT)) {
		rc = settle_counts(b->fd, false, &taken, &given);
		if (rc != 0) {
			/* The peer has reset it, or it cannot be settled. */
			struct step_work *w = step_load(g, kind, rec);

			w->committed = phase != STEP_ANNOUNCED;
			if (phase == STEP_PARKED) {
				step_end(g);
				w = step_begin(g, STEP_DEATH, rec);
			}
			conn_die(g, w, COUNTER_CLOSE_EOF);
			step_commit(g);
			step_finish(g);
			h->death_count = 0;
			return;
		}
	}
	if (quarantine) {
		if (phase == STEP_ANNOUNCED)
			step_end(g);
		else
			adopt_finish_effect(g, kind, rec, given);
		adopt_quarantine(g, rec, kind, taken,
		    deaths >= HOPELESS_DEATHS);
	} else if (phase == STEP_ANNOUNCED) {
		adopt_finish_announced(g, kind, rec, taken, given);
	} else {
		adopt_finish_effect(g, kind, rec, given);
	}
	heartbeat_arm(g, rec);
	h->death_count = 0;
}
