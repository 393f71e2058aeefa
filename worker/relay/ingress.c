/* SPDX-License-Identifier: ISC */
/*
 * See ingress.h; ingress_batch.c makes the commands.
 */
#include "worker/relay/ingress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "proto/ring_messages.h"
#include "worker/relay/ingress_batch.h"
#include "worker/relay/relay.h"
#include "worker/relay/up_entry.h"

#define RETRY_MS   200u
#define WAKE_TURNS 4

static void pump(struct ingress_source *);
static void pump_last(struct ingress_source *);

static struct counters *
counters_of(const struct ingress_source *source)
{
	return relay_counters(source->relay);
}

/* ---- queues of items */

static struct ingress_item *
item_at(struct ingress_source *source, uint64_t number)
{
	return &source->items[number & (INGRESS_ITEMS - 1)];
}

static void
enqueue(struct ingress_source *source, uint32_t partition, uint64_t number)
{
	struct ingress_queue *queue = &source->queues[partition];
	uint32_t at = number & (INGRESS_ITEMS - 1);

	if (partition >= source->partitions_end)
		source->partitions_end = partition + 1;
	source->items[at].next = INGRESS_NONE;
	if (queue->first == INGRESS_NONE)
		queue->first = at;
	else
		source->items[queue->last].next = at;
	queue->last = at;
}

/* The first `count` of a queue need no more care. */
static void
done(struct ingress_queue *queue, uint32_t count)
{
	struct ingress_source *source = queue->source;
	const struct ingress_item *last = NULL;

	for (; count > 0; count--) {
		source->items[queue->first].is_done = true;
		queue->first = source->items[queue->first].next;
	}
	for (; source->tail < source->head; source->tail++) {
		if (!item_at(source, source->tail)->is_done)
			break;
		last = item_at(source, source->tail);
	}
	crash_mark();
	if (last != NULL)
		ring_consume(&source->ring, &last->entry);
}

/* ---- sources */

static void
source_free(struct ingress_source *source)
{
	if (source->is_orphan)
		TAILQ_REMOVE(&source->relay->ingress.orphans, source, link);
	ring_detach(&source->ring);
	free(source);
}

static struct ingress_source *
source_new(struct relay *relay, uint32_t slot)
{
	const struct worker *worker = relay->worker;
	struct ingress_source *source = calloc(1, sizeof(*source));
	int rc;

	if (source == NULL)
		return NULL;
	rc = ring_attach_at(&source->ring,
	    worker_fd(worker, SLOT_FD_RING_UP, slot), ring_bytes(RING_UP_BYTES),
	    worker_fd(worker, SLOT_FD_RING_UP_EVENT, slot));
	if (rc != 0) {
		/* Its gateway has not made it, most often. */
		free(source);
		return NULL;
	}
	source->relay = relay;
	source->slot = slot;
	for (uint32_t i = 0; i < INGRESS_PARTITIONS; i++)
		source->queues[i] = (struct ingress_queue){ source, i,
			INGRESS_NONE, INGRESS_NONE, 0, false };
	return source;
}

/* Nothing can be believed that is in it. */
static void
broken(struct ingress_source *source)
{
	counter_add(counters_of(source), COUNTER_RINGS_BROKEN, 1);
	counter_add(counters_of(source), COUNTER_INGRESS_LOST,
	    source->head - source->tail + 1);
	log_warn("ring_broken", "clients' messages in it are lost");
	for (uint32_t i = 0; i < source->partitions_end; i++) {
		source->queues[i].first = INGRESS_NONE;
		source->queues[i].is_stale = source->queues[i].flying > 0;
	}
	source->tail = source->head;
	ring_skip_all(&source->ring);
}

/* ---- Redis */

static void
try_later(struct ingress *ingress)
{
	const struct timeval delay = { 0, RETRY_MS * 1000 };

	if (ingress->is_up && !evtimer_pending(ingress->retry, NULL))
		(void)evtimer_add(ingress->retry, &delay);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct ingress *ingress = arg;
	struct ingress_source *source, *next;

	(void)fd;
	(void)what;
	for (uint32_t slot = 0; slot < SLOT_MAX_WORKERS; slot++)
		if (ingress->slots[slot] != NULL)
			pump(ingress->slots[slot]);
	for (source = TAILQ_FIRST(&ingress->orphans); source != NULL;
	     source = next) {
		next = TAILQ_NEXT(source, link);
		pump_last(source);
	}
}

/* The first refusal is told. */
static void
refused(struct ingress *ingress, const struct ingress_queue *queue,
    const struct redisReply *reply, enum redis_fault fault)
{
	const char *why = redis_reply_error(reply);

	counter_add(relay_counters(ingress->relay),
	    fault == REDIS_FAULT_NONE ? COUNTER_INGRESS_FULL :
					COUNTER_INGRESS_FAILED,
	    1);
	if (fault != REDIS_FAULT_LOST && !ingress->is_told) {
		ingress->is_told = true;
		log_warn("ingress_refused",
		    "clients' messages wait, and then the clients",
		    log_uint("partition", queue->partition),
		    log_text("why",
			why != NULL ? why :
				      "the stream has upstream.max_length"));
	}
	try_later(ingress);
}

/* There is room again: whoever reads the ring empty has to say so to its
 * gateway. */
static void
listen_again(struct ingress_source *source)
{
	if (!source->is_full || source->is_orphan ||
	    source->head - source->tail == INGRESS_ITEMS)
		return;
	source->is_full = false;
	event_active(source->relay->ring_up[source->slot].wake, EV_READ, 0);
}

static void
on_batch(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct ingress_queue *queue = arg;
	struct ingress_source *source = queue->source;
	struct ingress *ingress = &source->relay->ingress;
	uint32_t count = queue->flying;
	bool is_added = redis_reply_integer(reply, INGRESS_FULL) > 0;

	worker_beat(source->relay->worker);
	crash_mark();
	queue->flying = 0;
	source->flying--;
	ingress->flying--;
	if (!is_added) {
		refused(ingress, queue, reply, fault);
	} else {
		ingress->is_told = false;
		counter_add(counters_of(source), COUNTER_INGRESS_ADDED, count);
		if (!queue->is_stale)
			done(queue, count);
	}
	queue->is_stale = false;
	listen_again(source);
	if (is_added)
		pump_last(source);
}

/* ---- reading */

/* Looks at entries that nobody has looked at yet. */
static void
read_ahead(struct ingress_source *source)
{
	const struct relay *relay = source->relay;
	uint32_t partitions = relay->worker->settings.upstream.partitions;
	struct ring_message message;
	struct ring_entry entry;
	int rc;

	while (source->head - source->tail < INGRESS_ITEMS) {
		rc = source->head == source->tail ?
		    ring_peek(&source->ring, &entry) :
		    ring_peek_next(&source->ring, &source->last, &entry);
		if (rc < 0)
			broken(source);
		if (rc <= 0)
			return;
		if (!up_entry_message(&entry, &message)) {
			counter_add(counters_of(source), COUNTER_INGRESS_BAD,
			    1);
			item_at(source, source->head)->is_done = true;
		} else {
			item_at(source, source->head)->is_done = false;
			enqueue(source,
			    hash_bucket(hash_bytes(&relay->ingress.key,
					    entry.data + sizeof(message),
					    message.id_len),
				partitions),
			    source->head);
		}
		item_at(source, source->head)->entry = entry;
		item_at(source, source->head)->number = source->head;
		source->last = entry;
		source->head++;
	}
}

/* Messages from there on are left to the next relay. */
static uint64_t
end_of(const struct ingress_source *source)
{
	return source->relay->ingress.is_parting && !source->is_orphan ?
	    source->sent_end :
	    UINT64_MAX;
}

static bool
has_to_send(const struct ingress_source *source,
    const struct ingress_queue *queue)
{
	return queue->flying == 0 && queue->first != INGRESS_NONE &&
	    source->items[queue->first].number < end_of(source);
}

static void
send_batches(struct ingress_source *source)
{
	struct ingress *ingress = &source->relay->ingress;
	struct ingress_queue *queue;
	int rc;

	if (!ingress->is_up)
		return;
	for (uint32_t i = 0; i < source->partitions_end; i++) {
		queue = &source->queues[i];
		if (!has_to_send(source, queue))
			continue;
		rc = ingress_batch_send(queue, end_of(source), on_batch);
		if (rc == -EPROTO) {
			counter_add(counters_of(source), COUNTER_INGRESS_BAD,
			    1);
			done(queue, 1);
		} else if (rc != 0) {
			try_later(ingress);
			return;
		} else {
			source->flying++;
			ingress->flying++;
		}
	}
}

static void
pump(struct ingress_source *source)
{
	/* Twice, since what makes no sense may have stood in front. */
	for (int i = 0; i < 2; i++) {
		read_ahead(source);
		send_batches(source);
	}
}

/* The same for one that may be freed then. */
static void
pump_last(struct ingress_source *source)
{
	struct ring_entry entry;

	pump(source);
	if (source->is_orphan && source->flying == 0 &&
	    ring_peek(&source->ring, &entry) == 0)
		source_free(source);
}

/* Maps the ring as soon as its gateway has made it. */
static void
find(struct ingress *ingress, uint32_t slot)
{
	if (ingress->slots[slot] != NULL)
		return;
	ingress->slots[slot] = source_new(ingress->relay, slot);
	if (ingress->slots[slot] != NULL)
		backplane_ingress_start(&ingress->relay->backplane);
}

/* true: nothing more to look at, and the gateway will wake us. */
static bool
sleeps(struct ingress_source *source)
{
	/* Replies go on with it. */
	source->is_full = source->head - source->tail == INGRESS_ITEMS;
	if (source->is_full)
		return true;
	return ring_sleep_behind(&source->ring,
		   source->head == source->tail ? NULL : &source->last) == 0;
}

void
ingress_wake(struct ingress *ingress, uint32_t slot)
{
	struct ingress_source *source;

	if (ingress->retry == NULL)
		return;
	if (ingress->relay->worker->settings.upstream.mode == UPSTREAM_STREAM)
		find(ingress, slot);
	source = ingress->slots[slot];
	if (source == NULL)
		return;
	for (int i = 0; i < WAKE_TURNS; i++) {
		pump(source);
		if (sleeps(source))
			return;
	}
	event_active(ingress->relay->ring_up[slot].wake, EV_READ, 0);
}

void
ingress_slot_gone(struct ingress *ingress, uint32_t slot)
{
	struct ingress_source *source = ingress->slots[slot];

	if (source == NULL)
		return;
	ingress->slots[slot] = NULL;
	source->is_orphan = true;
	source->ring.event_fd = -1;
	TAILQ_INSERT_TAIL(&ingress->orphans, source, link);
	pump_last(source);
}

void
ingress_link(struct ingress *ingress, bool is_up)
{
	ingress->is_up = is_up;
	if (is_up)
		event_active(ingress->retry, EV_TIMEOUT, 0);
}

void
ingress_part(struct ingress *ingress)
{
	ingress->is_parting = true;
}

void
ingress_resume(struct ingress *ingress)
{
	ingress->is_parting = false;
	if (ingress->retry != NULL)
		event_active(ingress->retry, EV_TIMEOUT, 0);
}

static bool
is_behind(const struct ingress_source *source)
{
	if (source != NULL)
		for (uint32_t i = 0; i < source->partitions_end; i++)
			if (has_to_send(source, &source->queues[i]))
				return true;
	return false;
}

bool
ingress_is_idle(const struct ingress *ingress)
{
	if (ingress->flying > 0)
		return false;
	if (!ingress->is_up)
		return true;
	for (uint32_t slot = 0; slot < SLOT_MAX_WORKERS; slot++)
		if (is_behind(ingress->slots[slot]))
			return false;
	return TAILQ_EMPTY(&ingress->orphans);
}

bool
ingress_is_empty(const struct ingress *ingress)
{
	return ingress->retry == NULL || TAILQ_EMPTY(&ingress->orphans);
}

uint64_t
ingress_abandon(struct ingress *ingress)
{
	const struct ingress_source *source;
	struct ring_entry entry;
	uint64_t lost = 0;

	if (ingress->retry == NULL)
		return 0;
	TAILQ_FOREACH(source, &ingress->orphans, link)
		for (int rc = ring_peek(&source->ring, &entry); rc == 1;
		     rc = ring_peek_next(&source->ring, &entry, &entry))
			lost++;
	counter_add(relay_counters(ingress->relay), COUNTER_INGRESS_LOST, lost);
	return lost;
}

void
ingress_tick(struct ingress *ingress)
{
	if (ingress->retry == NULL)
		return;
	for (uint32_t slot = 0; slot < ingress->relay->shards.end; slot++)
		if (ingress->relay->shards.items[slot].attached) {
			find(ingress, slot); /* left by another mode */
			ingress_wake(ingress, slot);
		}
}

int
ingress_start(struct ingress *ingress, struct relay *relay)
{
	unsigned char seed[HASH_SEED_BYTES] = "holdfast ingress";
	const struct settings_redis *redis = &relay->worker->settings.redis;

	memset(ingress, 0, sizeof(*ingress));
	ingress->relay = relay;
	TAILQ_INIT(&ingress->orphans);
	if (redis->url[0] == '\0')
		return 0;
	/* All nodes of a fleet put a client into the same partition. */
	for (size_t i = 0; redis->fleet[i] != '\0'; i++)
		seed[i % sizeof(seed)] ^= (unsigned char)redis->fleet[i];
	hash_key_init(&ingress->key, seed);
	ingress->retry = evtimer_new(relay->worker->base, on_retry, ingress);
	return ingress->retry == NULL ? -ENOMEM : 0;
}
