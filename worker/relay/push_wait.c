/* SPDX-License-Identifier: ISC */
/*
 * The lines (see push_wait.h).
 */
#include "worker/relay/push_wait.h"

#include <stdlib.h>
#include <string.h>

#include "lib/random.h"
#include "worker/relay/relay.h"

#define NO_LINE SLOT_MAX_WORKERS
#define AT_ONCE 64 /* documents of a line in one turn */
/* A table is on its way for milliseconds, and a full ring is read again. */
#define STUCK_MS 1000u

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	(void)owner;
	(void)item;
	(void)status;
	(void)position;
}

/* Whoever published it has found a route that is stale.  One at a time: nobody
 * keeps a publisher from going on like that. */
static void
touch(struct relay *relay, const struct dispatch_doc *doc)
{
	if (routes_left(&relay->routes) == 0)
		routes_touch(&relay->routes, doc->target, doc->target_len);
}

/* False: not now, and *out_line says what it has to wait for.  must: also into
 * a ring that is nearly full; *out_line is NO_LINE then if it was not. */
static bool
try(struct relay *relay, const struct dispatch_doc *doc, bool must,
    uint32_t *out_line)
{
	struct delivery_order order = { on_done, NULL, 0, 0 };
	struct delivery *delivery = &relay->delivery;
	struct shard_target target;
	enum delivery_status status;

	*out_line = NO_LINE;
	status = delivery_find(delivery, doc->target, doc->target_len, &target);
	if (status == DELIVERY_BUSY)
		return false;
	if (status != DELIVERY_PENDING) {
		delivery_count(delivery, status);
		touch(relay, doc);
		return true;
	}
	if (!delivery_has_room(delivery, target.slot, doc->len)) {
		*out_line = target.slot;
		if (!must)
			return false;
	}
	(void)delivery_send_to(delivery, &target, doc->target, doc->target_len,
	    doc->bytes, doc->len, &order);
	return true;
}

/* ---- clients for whom something waits */

static uint32_t
bucket_of(const struct push_wait *wait, const struct dispatch_doc *doc)
{
	return hash_bytes(&wait->key, doc->target, doc->target_len) &
	    (PUSH_WAIT_BUCKETS - 1);
}

static struct push_waiter *
find_waiter(const struct push_wait *wait, const struct dispatch_doc *doc)
{
	struct push_waiter *waiter;

	if (wait->count == 0)
		return NULL;
	waiter = wait->waiters[bucket_of(wait, doc)];
	while (waiter != NULL &&
	    (waiter->id_len != doc->target_len ||
		memcmp(waiter->id, doc->target, waiter->id_len) != 0))
		waiter = waiter->next;
	return waiter;
}

/* NULL: no memory. */
static struct push_waiter *
add_waiter(struct push_wait *wait, const struct dispatch_doc *doc,
    uint32_t line)
{
	struct push_waiter *waiter = malloc(sizeof(*waiter) + doc->target_len);

	if (waiter == NULL)
		return NULL;
	waiter->bucket = bucket_of(wait, doc);
	waiter->next = wait->waiters[waiter->bucket];
	wait->waiters[waiter->bucket] = waiter;
	waiter->count = 0;
	waiter->line = line;
	waiter->id_len = doc->target_len;
	memcpy(waiter->id, doc->target, doc->target_len);
	return waiter;
}

static void
release(struct push_wait *wait, struct push_waiter *waiter)
{
	struct push_waiter **at = &wait->waiters[waiter->bucket];

	if (waiter->count > 0)
		return;
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	free(waiter);
}

/* ---- lines */

/* False: there is no room. */
static bool
append(struct push_wait *wait, struct push_waiter *waiter,
    const struct dispatch_doc *doc)
{
	struct push_queue *queue = &wait->lines[waiter->line].queue;

	/* What the others leave. */
	queue->max_bytes = wait->max_bytes - wait->bytes + queue->bytes;
	if (push_queue_add(queue, doc->bytes, doc->len) != 0)
		return false;
	queue->last->waiter = waiter;
	wait->bytes += sizeof(*queue->last) + doc->len;
	waiter->count++;
	wait->count++;
	return true;
}

static void
drop_first(struct push_wait *wait, struct push_line *line)
{
	struct push_waiter *waiter = line->queue.first->waiter;

	wait->count--;
	wait->bytes -= sizeof(*line->queue.first) + line->queue.first->len;
	waiter->count--;
	release(wait, waiter);
	push_queue_drop(&line->queue);
	if (push_queue_is_empty(&line->queue))
		line->stuck_ms = 0;
}

/* Is the first one delivered, or has it waited long enough?  After that only
 * what still has to wait is dropped. */
static bool
finish_first(struct push_wait *wait, struct push_line *line, uint64_t now_ms)
{
	const struct push_item *item = line->queue.first;
	const struct dispatch_doc doc = { .bytes = item->bytes,
		.len = item->len,
		.target = item->waiter->id,
		.target_len = item->waiter->id_len };
	bool is_late = line->stuck_ms != 0 &&
	    now_ms - line->stuck_ms >= STUCK_MS;
	uint32_t full;

	if (try(wait->relay, &doc, is_late, &full)) {
		if (full == NO_LINE)
			line->stuck_ms = 0;
		drop_first(wait, line);
		return true;
	}
	if (line->stuck_ms == 0)
		line->stuck_ms = now_ms;
	if (!is_late)
		return false;
	delivery_count(&wait->relay->delivery, DELIVERY_BUSY);
	drop_first(wait, line);
	return true;
}

/* ---- what others call */

void
push_wait_init(struct push_wait *wait, struct relay *relay, size_t max_bytes)
{
	unsigned char seed[HASH_SEED_BYTES];

	memset(wait, 0, sizeof(*wait));
	wait->relay = relay;
	wait->max_bytes = max_bytes;
	random_bytes(seed, sizeof(seed));
	hash_key_init(&wait->key, seed);
	for (uint32_t i = 0; i <= NO_LINE; i++)
		push_queue_init(&wait->lines[i].queue, max_bytes);
}

void
push_wait_clear(struct push_wait *wait)
{
	for (uint32_t i = 0; i <= NO_LINE; i++)
		while (!push_queue_is_empty(&wait->lines[i].queue))
			drop_first(wait, &wait->lines[i]);
}

void
push_wait_deliver(struct push_wait *wait, const struct dispatch_doc *doc)
{
	struct push_waiter *waiter = find_waiter(wait, doc);
	uint32_t line;

	if (waiter == NULL) {
		if (try(wait->relay, doc, false, &line))
			return;
		waiter = add_waiter(wait, doc, line);
	}
	if (waiter != NULL && append(wait, waiter, doc))
		return;
	delivery_count(&wait->relay->delivery, DELIVERY_BUSY);
	if (waiter != NULL)
		release(wait, waiter);
}

bool
push_wait_go_on(struct push_wait *wait, uint64_t now_ms)
{
	bool has_more = false;

	for (uint32_t i = 0; wait->count > 0 && i <= NO_LINE; i++) {
		struct push_line *line = &wait->lines[i];
		int n = 0;

		while (n < AT_ONCE && !push_queue_is_empty(&line->queue) &&
		    finish_first(wait, line, now_ms))
			n++;
		has_more |= n == AT_ONCE;
	}
	return has_more;
}
