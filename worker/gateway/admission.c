/* SPDX-License-Identifier: ISC */
/*
 * Admission, see admission.h.
 */
#include "worker/gateway/admission.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/random.h"
#include "proto/node_poison.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/http_answer.h"

#define TIGHT_PERCENT 85u
/* So long after somebody has had to wait for the handshake rate. */
#define BUSY_FOR_US 1000000u

struct token_rate
admission_rate(const struct gateway *g)
{
	uint32_t limit =
	    atomic_load_explicit(&g->worker->node.shared->handshake_limit,
		memory_order_relaxed);

	return limit == 0 ? g->handshake_rate :
			    token_rate_make(limit, limit / 10 + 1);
}

uint32_t
admission_spread_ms(const struct gateway *g)
{
	return atomic_load_explicit(&g->worker->node.shared->spread_ms,
	    memory_order_relaxed);
}

uint32_t
admission_retry_ms(const struct gateway *g)
{
	uint32_t node =
	    atomic_load_explicit(&g->worker->node.shared->retry_after_ms,
		memory_order_relaxed);
	uint64_t least = g->worker->settings.admission.retry_after_ms;
	uint32_t ms = node > least ? node : (uint32_t)least;

	uint32_t spread = admission_spread_ms(g);

	if (ms == 0)
		ms = 1000;
	/* Evenly: they all come back. */
	return ms + random_below(spread > 2 * ms ? spread - ms : ms);
}

bool
admission_is_tight(const struct gateway *g)
{
	return arena_used(g->arena) >=
	    arena_limit(g->arena) / 100 * TIGHT_PERCENT;
}

/* Is there no place for the one who asks? */
static bool
admission_is_full(const struct gateway *g, const struct step_work *w)
{
	uint32_t held = node_held(&g->worker->node);

	return held + !step_is_held(&w->was) >
	    atomic_load_explicit(&g->worker->node.shared->capacity,
		memory_order_relaxed);
}

static bool
admission_is_draining(const struct gateway *g)
{
	return g->draining ||
	    atomic_load_explicit(&g->worker->node.shared->draining,
		memory_order_relaxed) != 0;
}

/* Who asks may just have got the only token that came. */
static bool
admission_is_busy(const struct gateway *g, const struct step_work *w)
{
	return !(w->body.flags & RECORD_ADMITTED) ||
	    (g->rate_short_us != 0 &&
		g->now_us - g->rate_short_us < BUSY_FOR_US);
}

const char *
admission_word(struct gateway *g, const struct step_work *w,
    uint32_t *out_retry_ms)
{
	const char *word = "ok";

	if (admission_is_draining(g))
		word = "draining";
	else if (admission_is_full(g, w))
		word = "full";
	else if (admission_is_tight(g))
		word = "memory";
	else if (admission_is_busy(g, w))
		word = "busy";
	else
		return word;
	*out_retry_ms = admission_retry_ms(g);
	return word;
}

void
admission_give_back(struct gateway *g, struct step_work *w)
{
	struct token_rate rate = admission_rate(g);

	if (!(w->body.flags & RECORD_ADMITTED))
		return;
	w->body.flags &= (uint16_t)~RECORD_ADMITTED;
	token_bucket_give_shared(&g->worker->node.shared->handshake_tat, &rate,
	    g->now_us * 1000, 1);
}

bool
admission_is_proxy(const struct gateway *g, const uint8_t addr[16])
{
	struct ipaddr a;

	memcpy(a.bytes, addr, sizeof(a.bytes));
	return cidr_list_contains(&g->worker->settings.auth.trusted_proxies,
	    &a);
}

void
admission_count(struct gateway *g, struct step_work *w)
{
	uint32_t max = g->worker->settings.admission.max_per_ip;
	struct node *node = &g->worker->node;
	uint64_t key;

	if (max == 0 || (w->body.flags & RECORD_COUNTED))
		return;
	key = conn_address_key(g, w->body.addr);
	if (node_ip_count(node, key) >= max)
		return;
	if (node_ip_add(node, g->worker->slot_no, key) == 0)
		w->body.flags |= RECORD_COUNTED;
}

bool
admission_ask(struct gateway *g, struct step_work *w, const char *id,
    size_t len, struct http_refusal *r, int *out_retry_s,
    enum counter *out_cause)
{
	struct node *node = &g->worker->node;
	uint32_t now_s = (uint32_t)(g->now_us / 1000000);

	*out_retry_s = (int)((admission_retry_ms(g) + 999) / 1000);
	*r = (struct http_refusal){ .status = 503 };
	if (w->body.flags & RECORD_PROXIED)
		admission_count(g, w);
	if (node_poison_refused(node, conn_client_key(g, id, len), now_s) ||
	    node_poison_refused(node, conn_address_key(g, w->body.addr),
		now_s)) {
		r->code = "refused";
		r->message = "this client is refused for a while";
		*out_cause = COUNTER_HANDSHAKE_POISONED;
	} else if (admission_is_draining(g)) {
		r->code = "draining";
		r->message = "this node is being emptied";
		*out_cause = COUNTER_HANDSHAKE_DRAINING;
	} else if (g->worker->settings.admission.max_per_ip > 0 &&
	    !(w->body.flags & RECORD_COUNTED)) {
		r->status = 429;
		r->code = "too_many_connections";
		r->message = "too many connections from this address";
		*out_cause = COUNTER_HANDSHAKE_TOO_MANY;
	} else if (admission_is_full(g, w)) {
		r->code = "full";
		r->message = "this node holds all the connections it may";
		*out_cause = COUNTER_HANDSHAKE_CAPACITY;
	} else if (admission_is_tight(g)) {
		r->code = "memory";
		r->message = "this node is short of memory";
		*out_cause = COUNTER_HANDSHAKE_MEMORY;
	} else if (!(w->body.flags & RECORD_ADMITTED)) {
		r->code = "busy";
		r->message = "too many new connections at the moment";
		*out_cause = COUNTER_HANDSHAKE_RATE;
	} else {
		return true;
	}
	return false;
}
