/* SPDX-License-Identifier: ISC */
/*
 * The queue of clients whose routes are to be looked at, see routes.h.
 */
#include "worker/relay/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"
#include "worker/relay/rivals.h"

#define TELL_MS	       10000u
#define STARTS_AT_ONCE 512u /* in one turn of the loop */
#define ODD_TRIES      100u /* some 10 ms apart, or more */

_Static_assert(offsetof(struct route_op, claim) == 0,
    "a claim's address is its operation's");

static const struct timeval busy_pause = { 0, 10000 };

static struct counters *
counters(const struct routes *routes)
{
	return relay_counters(routes->relay);
}

/* ---- operations, found by client */

static uint32_t *
bucket(struct routes *routes, const char *client, size_t len)
{
	return &routes->buckets[hash_bytes(&routes->key, client, len) &
	    (ROUTES_MAX_OPS - 1)];
}

static struct route_op *
find(struct routes *routes, const char *client, size_t len)
{
	struct route_op *op;
	uint32_t at;

	for (at = *bucket(routes, client, len); at != ROUTES_NONE;
	     at = op->next_in_bucket) {
		op = &routes->ops[at];
		if (op->claim.client_len == len &&
		    memcmp(op->claim.client, client, len) == 0)
			return op;
	}
	return NULL;
}

static void
push(struct routes *routes, struct route_op *op)
{
	uint32_t at = (uint32_t)(op - routes->ops);

	op->next = ROUTES_NONE;
	if (routes->first == ROUTES_NONE)
		routes->first = at;
	else
		routes->ops[routes->last].next = at;
	routes->last = at;
	routes->queued++;
}

static struct route_op *
pop(struct routes *routes)
{
	struct route_op *op;

	if (routes->first == ROUTES_NONE)
		return NULL;
	op = &routes->ops[routes->first];
	routes->first = op->next;
	routes->queued--;
	return op;
}

static struct route_op *
add(struct routes *routes, const char *client, size_t len)
{
	struct route_op *op;
	uint32_t at = routes->first_free, *head;

	if (at != ROUTES_NONE)
		routes->first_free = routes->ops[at].next;
	else if (routes->used < ROUTES_MAX_OPS)
		at = routes->used++;
	else
		return NULL;
	op = &routes->ops[at];
	memset(op, 0, sizeof(*op));
	memcpy(op->claim.client, client, len);
	op->claim.client_len = (uint32_t)len;
	op->epoch = routes->epoch;
	head = bucket(routes, client, len);
	op->next_in_bucket = *head;
	*head = at;
	return op;
}

/* What is still to be done for it was asked for after the mark. */
static void
reach_mark(struct routes *routes, struct route_op *op)
{
	if (op->epoch != routes->epoch)
		routes->unmarked--;
	op->epoch = routes->epoch;
}

static void
forget(struct routes *routes, struct route_op *op)
{
	uint32_t at = (uint32_t)(op - routes->ops);
	uint32_t *link;

	reach_mark(routes, op);
	link = bucket(routes, op->claim.client, op->claim.client_len);
	while (*link != at)
		link = &routes->ops[*link].next_in_bucket;
	*link = op->next_in_bucket;
	op->next = routes->first_free;
	routes->first_free = at;
}

/* ---- a newer connection elsewhere */

/* false: it is not closed, and the route has to be looked at: the ring is full,
 * the table busy, or ours is newer than what has taken its route. */
static bool
close_loser(struct routes *routes, const char *client, size_t len,
    const char *by_node, uint64_t established_ms)
{
	struct relay *relay = routes->relay;
	struct shard_target target;
	struct record_view view;
	int rc;

	rc = shards_find(&relay->shards, client, len, &target.slot, &view);
	if (rc != 0)
		return rc != -EAGAIN;
	/* Another node may have seen the one before it, and moved the route. */
	if (!registration_gives_way(view.body.established_us / 1000,
		relay->worker->settings.node.id, established_ms, by_node))
		return false;
	target.rec = view.index;
	target.gen = view.body.gen;
	if (shards_put_kick(&relay->shards, &target, 0, RIVALS_CODE,
		RIVALS_REASON) != 0)
		return false;
	counter_add(counters(routes), COUNTER_REPLACED_ACROSS_NODES, 1);
	log_debug("client_replaced", NULL, log_text("client", view.id),
	    log_text("by_node", by_node));
	return true;
}

void
routes_replaced(struct routes *routes, const char *client, size_t len,
    const char *by_node, uint64_t established_ms)
{
	if (strcmp(by_node, routes->relay->worker->settings.node.id) == 0)
		return;
	if (!close_loser(routes, client, len, by_node, established_ms))
		routes_touch(routes, client, len);
	shards_wake(&routes->relay->shards);
}

/* ---- one operation */

static void
finish(struct routes *routes, struct route_op *op, bool again)
{
	routes->under_way--;
	op->is_under_way = false;
	op->tries = 0;
	if ((again || op->again) && routes->is_up) {
		op->again = false;
		reach_mark(routes, op);
		push(routes, op);
	} else {
		forget(routes, op);
	}
	event_active(routes->pump, EV_TIMEOUT, 0);
}

/* Where all registrations fail, each client would tell the same. */
static void
tell_failed(struct routes *routes, const struct route_claim *claim)
{
	uint64_t now_ms = clock_mono_ms();

	counter_add(counters(routes), COUNTER_ROUTES_FAILED, 1);
	if (routes->told_ms != 0 && now_ms - routes->told_ms < TELL_MS)
		return;
	routes->told_ms = now_ms;
	log_warn("route_failed",
	    "until all routes are compared again the client may not be "
	    "reached through other nodes, nor found by its registration",
	    log_text("client", claim->client),
	    log_text("fault", redis_fault_name(claim->fault)));
}

static void
failed(struct routes *routes, const struct route_op *op)
{
	switch (redis_fault_reaction(op->claim.fault)) {
	case REDIS_RECONNECT:
		break; /* the link does that, and then all is compared */
	case REDIS_LATER:
		routes_sync_later(&routes->sync, op->claim.fault);
		break;
	default:
		routes_sync_failed(&routes->sync);
		tell_failed(routes, &op->claim);
		break;
	}
}

static void
on_end(struct route_claim *claim, enum route_end how, void *arg)
{
	struct routes *routes = arg;
	struct route_op *op = (struct route_op *)claim;
	bool again = false;

	switch (how) {
	case ROUTE_TAKEN:
		counter_add(counters(routes), COUNTER_ROUTES_WRITTEN, 1);
		break;
	case ROUTE_GONE:
		counter_add(counters(routes), COUNTER_ROUTES_REMOVED, 1);
		break;
	case ROUTE_LOST:
		again = !close_loser(routes, claim->client, claim->client_len,
		    claim->rival, claim->rival_ms);
		shards_wake(&routes->relay->shards);
		break;
	default:
		failed(routes, op);
		break;
	}
	finish(routes, op, again);
}

static int
take(struct route_op *op, const struct record_view *view)
{
	struct textbuf json;
	int rc;

	textbuf_init(&json, REGISTRATION_MAX);
	registration_put(&json, op->claim.node, view);
	rc = textbuf_error(&json);
	if (rc == 0)
		rc = route_claim_take(&op->claim, textbuf_text(&json),
		    view->body.established_us / 1000);
	textbuf_clear(&json);
	return rc;
}

/* What the tables say of the client now is what is written.  -EBUSY: its record
 * is being written. */
static int
begin(struct routes *routes, struct route_op *op)
{
	struct record_view view;
	uint32_t slot;
	int rc;

	op->claim.relay = routes->relay;
	op->claim.on_end = on_end;
	op->claim.arg = routes;
	op->claim.node = routes->relay->worker->settings.node.id;
	op->again = false;
	rc = shards_find(&routes->relay->shards, op->claim.client,
	    op->claim.client_len, &slot, &view);
	if (rc == 0)
		return take(op, &view);
	return rc == -ENOENT ? route_claim_give_back(&op->claim) : -EBUSY;
}

/* It could not begin.  A record may stay as it is for as long as its gateway
 * stands still: that is not waited for here. */
static void
put_back(struct routes *routes, struct route_op *op, int rc)
{
	op->is_under_way = false;
	routes->under_way--;
	if (rc != -EBUSY || ++op->tries < ODD_TRIES) {
		push(routes, op);
		return;
	}
	forget(routes, op);
	routes_sync_skipped(&routes->sync);
}

static void
on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct routes *routes = arg;
	struct route_op *op;
	uint32_t starts = 0, most = ROUTES_IN_FLIGHT;
	int rc = 0;

	(void)fd;
	(void)what;
	worker_beat(routes->relay->worker);
	if (backplane_is_slow(&routes->relay->backplane))
		most = ROUTES_WHEN_SLOW;
	while (rc == 0 && routes->is_up && starts++ < STARTS_AT_ONCE &&
	    routes->under_way < most) {
		op = pop(routes);
		if (op == NULL)
			return;
		crash_mark();
		op->is_under_way = true;
		routes->under_way++;
		rc = begin(routes, op);
		if (rc != 0)
			put_back(routes, op, rc);
	}
	if (routes->queued == 0)
		return;
	/* Replies call again when there is no room for more. */
	if (rc != 0)
		evtimer_add(routes->pump, &busy_pause);
	else if (routes->under_way < most)
		event_active(routes->pump, EV_TIMEOUT, 0);
}

/* ---- what others call */

void
routes_touch(struct routes *routes, const char *client, size_t len)
{
	struct route_op *op;

	if (!routes->is_up || !api_client_id_ok(client, len))
		return;
	op = find(routes, client, len);
	if (op != NULL) {
		op->again = op->is_under_way;
		return;
	}
	op = add(routes, client, len);
	if (op == NULL) {
		routes_resync(routes, "Redis is slow");
		return;
	}
	push(routes, op);
	event_active(routes->pump, EV_TIMEOUT, 0);
}

bool
routes_has_room(const struct routes *routes)
{
	return routes->queued < ROUTES_ROOM;
}

void
routes_mark(struct routes *routes)
{
	routes->epoch++;
	routes->unmarked = routes_left(routes);
}

bool
routes_mark_is_reached(const struct routes *routes)
{
	return routes->unmarked == 0;
}

void
routes_resync(struct routes *routes, const char *why)
{
	if (routes->is_up)
		routes_sync_begin(&routes->sync, why);
}

void
routes_heard(struct routes *routes)
{
	if (routes->is_up && !routes_sync_is_before_walk(&routes->sync))
		routes_resync(routes, "the channel is heard again");
}

void
routes_link(struct routes *routes, bool is_up)
{
	struct route_op *op;

	if (routes->ops == NULL)
		return;
	routes->is_up = is_up;
	if (!is_up)
		while ((op = pop(routes)) != NULL)
			forget(routes, op);
	routes_sync_link(&routes->sync, is_up);
}

uint32_t
routes_left(const struct routes *routes)
{
	return routes->queued + routes->under_way;
}

static void
on_unmarked(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct routes *routes = arg;

	(void)reply;
	(void)fault;
	routes->is_up = false;
}

bool
routes_have_parted(struct routes *routes)
{
	if (!routes->is_up)
		return true;
	if (!routes->is_unmarked && routes_left(routes) == 0 &&
	    routes_sync_is_done(&routes->sync))
		routes->is_unmarked = routes_sync_unmark(&routes->sync,
					  on_unmarked, routes) == 0;
	return false;
}

void
routes_tick(struct routes *routes)
{
	if (routes->is_up && !routes->is_unmarked)
		routes_sync_tick(&routes->sync);
}

int
routes_start(struct routes *routes, struct relay *relay)
{
	unsigned char seed[HASH_SEED_BYTES];
	uint32_t i;

	memset(routes, 0, sizeof(*routes));
	routes->relay = relay;
	if (relay->worker->settings.redis.url[0] == '\0')
		return 0;
	random_bytes(seed, sizeof(seed));
	hash_key_init(&routes->key, seed);
	routes->first = routes->last = routes->first_free = ROUTES_NONE;
	/* untouched operations take no memory */
	routes->ops = calloc(ROUTES_MAX_OPS, sizeof(*routes->ops));
	routes->buckets = malloc(ROUTES_MAX_OPS * sizeof(*routes->buckets));
	routes->pump = evtimer_new(relay->worker->base, on_pump, routes);
	if (routes->ops == NULL || routes->buckets == NULL ||
	    routes->pump == NULL)
		return -ENOMEM;
	for (i = 0; i < ROUTES_MAX_OPS; i++)
		routes->buckets[i] = ROUTES_NONE;
	return routes_sync_start(&routes->sync, routes);
}
