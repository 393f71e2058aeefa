/* SPDX-License-Identifier: ISC */
/*
 * See reach.h.  Nothing wakes the queue: the tables are shared memory,
 * and it looks again every few milliseconds.
 */
#include "worker/relay/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "worker/relay/relay.h"

static const struct timeval pace = { 0, 5000 };

struct reach_kept {
	TAILQ_ENTRY(reach_kept) link;
	struct delivery_order order;
	struct forward_what what; /* its texts are in bytes */
	char *out_node;		  /* borrowed, see forward_send() */
	uint64_t end_ms;	  /* when its time is over */
	uint32_t bucket;
	char bytes[]; /* the client id and its NUL, the text and its NUL */
};

/* false: the client cannot be looked up now. */
static bool
try_send(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *out_node,
    enum delivery_status *out_status)
{
	struct delivery *delivery = &relay->delivery;
	struct shard_target target;
	enum delivery_status status;

	status = delivery_find(delivery, what->client, what->client_len,
	    &target);
	if (status == DELIVERY_BUSY)
		return false;
	if (status == DELIVERY_NOT_CONNECTED &&
	    backplane_is_on(&relay->backplane))
		*out_status = forward_send(relay, what, order, out_node);
	else if (what->kind == INBOX_KICK)
		*out_status = delivery_kick(delivery, what->client,
		    what->client_len, what->code, what->text, order);
	else
		*out_status = delivery_send(delivery, what->client,
		    what->client_len, what->text, what->len, order);
	return true;
}

/* It was not sent, and will not be. */
static enum delivery_status
give_up(struct relay *relay, const struct forward_what *what)
{
	if (what->kind == INBOX_DISPATCH)
		delivery_count(&relay->delivery, DELIVERY_BUSY);
	return DELIVERY_BUSY;
}

const char *
reach_busy_text(const struct relay *relay)
{
	if (backplane_is_on(&relay->backplane) &&
	    !backplane_hears(&relay->backplane))
		return "not taken, nothing was sent: Redis cannot be reached, "
		       "and so no client of another node; try again";
	return "not taken, nothing was sent: try again";
}

static uint32_t
bucket_of(const struct forward_what *what)
{
	uint32_t hash = 2166136261u; /* FNV-1a: uneven buckets do no harm */
	size_t i;

	for (i = 0; i < what->client_len; i++)
		hash = (hash ^ (unsigned char)what->client[i]) * 16777619u;
	return hash % REACH_BUCKETS;
}

static struct reach_kept *
copy(const struct forward_what *what)
{
	struct reach_kept *kept = malloc(
	    sizeof(*kept) + what->client_len + 1 + what->len + 1);
	char *client, *text;

	if (kept == NULL)
		return NULL;
	client = kept->bytes;
	text = client + what->client_len + 1;
	memcpy(client, what->client, what->client_len);
	client[what->client_len] = '\0';
	memcpy(text, what->text, what->len);
	text[what->len] = '\0';
	kept->what = *what;
	kept->what.client = client;
	kept->what.text = text;
	return kept;
}

/* DELIVERY_PENDING, or there is no room. */
static enum delivery_status
keep(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *out_node, uint32_t bucket)
{
	struct reach *reach = &relay->reach;
	struct reach_kept *kept = NULL;

	if (reach->count < REACH_MAX &&
	    reach->bytes + what->len <= REACH_MAX_BYTES)
		kept = copy(what);
	if (kept != NULL && reach->count == 0 &&
	    event_add(reach->tick, &pace) != 0) {
		free(kept);
		kept = NULL;
	}
	if (kept == NULL)
		return give_up(relay, what);
	kept->order = *order;
	kept->out_node = out_node;
	kept->end_ms = clock_mono_ms() +
	    relay->worker->settings.api.request_timeout_ms;
	kept->bucket = bucket;
	TAILQ_INSERT_TAIL(&reach->kept, kept, link);
	reach->count++;
	reach->bytes += what->len;
	reach->waiting[bucket]++;
	counter_add(relay_counters(relay), COUNTER_REACH_KEPT, 1);
	return DELIVERY_PENDING;
}

enum delivery_status
reach_client(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *out_node)
{
	uint32_t bucket = bucket_of(what);
	enum delivery_status status;

	if (relay->reach.waiting[bucket] == 0 &&
	    try_send(relay, what, order, out_node, &status))
		return status;
	return keep(relay, what, order, out_node, bucket);
}

static void
drop(struct reach *reach, struct reach_kept *kept)
{
	TAILQ_REMOVE(&reach->kept, kept, link);
	reach->count--;
	reach->bytes -= kept->what.len;
	reach->waiting[kept->bucket]--;
	free(kept);
	if (reach->count == 0)
		event_del(reach->tick);
}

/* Tells what became of it, unless that is to come. */
static void
finish(struct reach *reach, struct reach_kept *kept,
    enum delivery_status status)
{
	struct delivery_order order = kept->order;

	drop(reach, kept);
	if (status != DELIVERY_PENDING)
		order.on_done(order.owner, order.item, status, 0);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct reach *reach = arg;
	struct relay *relay = reach->relay;
	bool blocked[REACH_BUCKETS] = { false };
	uint64_t now_ms = clock_mono_ms();
	struct reach_kept *kept, *next;
	enum delivery_status status;

	(void)fd;
	(void)what;
	for (kept = TAILQ_FIRST(&reach->kept); kept != NULL; kept = next) {
		next = TAILQ_NEXT(kept, link);
		if (!blocked[kept->bucket] &&
		    try_send(relay, &kept->what, &kept->order, kept->out_node,
			&status))
			finish(reach, kept, status);
		else if (now_ms >= kept->end_ms)
			finish(reach, kept, give_up(relay, &kept->what));
		else
			blocked[kept->bucket] = true;
	}
	shards_wake(&relay->shards);
}

void
reach_end(struct reach *reach)
{
	struct reach_kept *kept;

	while ((kept = TAILQ_FIRST(&reach->kept)) != NULL)
		finish(reach, kept, give_up(reach->relay, &kept->what));
}

int
reach_start(struct reach *reach, struct relay *relay)
{
	memset(reach, 0, sizeof(*reach));
	reach->relay = relay;
	TAILQ_INIT(&reach->kept);
	reach->tick = event_new(relay->worker->base, -1, EV_PERSIST, on_tick,
	    reach);
	return reach->tick == NULL ? -ENOMEM : 0;
}

void
reach_stop(struct reach *reach)
{
	struct reach_kept *kept;

	if (reach->tick == NULL)
		return;
	while ((kept = TAILQ_FIRST(&reach->kept)) != NULL)
		drop(reach, kept);
	event_free(reach->tick);
	reach->tick = NULL;
}
