/* SPDX-License-Identifier: ISC */
/*
 * Finds client ids that are open in two slots and closes the older connection
 * with 4001.  A kick may be put twice; the gateway ignores one for a connection
 * that is gone.  The table is the truth: an event only says where to look.
 */
#include "worker/relay/rivals.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "worker/relay/relay.h"

#define WALK_RECORDS 2048u /* looked at in one turn of the loop */

static const struct timeval walk_pause = { 0, 1000 };
static const struct timeval full_pause = { 0, 100000 };

static void
kick(struct rivals *rivals, uint32_t slot, const struct record_view *loser)
{
	struct relay *relay = rivals->relay;
	struct shard_target target = { slot, loser->index, loser->body.gen };

	if (shards_put_kick(&relay->shards, &target, 0, RIVALS_CODE,
		RIVALS_REASON) != 0) {
		/* the ring is full: find it again later */
		rivals->again = true;
		if (!rivals->walking)
			rivals_resync(rivals);
		return;
	}
	crash_mark();
	counter_add(relay_counters(relay), COUNTER_REPLACED_ACROSS_SLOTS, 1);
	log_debug("client_replaced", NULL, log_text("client", loser->id),
	    log_uint("slot", slot));
}

/* Kicks the losers among the connections of an id in slots from `first` on. */
static void
settle(struct rivals *rivals, const char *id, size_t len, uint32_t first)
{
	struct shards *shards = &rivals->relay->shards;
	struct record_view view, best;
	uint32_t slot, best_slot = UINT32_MAX;
	int rc;

	for (slot = first; slot < shards->end; slot++) {
		if (!shards->items[slot].attached)
			continue;
		rc = table_find(&shards->items[slot].table, id, len, &view);
		if (rc == -EAGAIN)
			rivals->again = true;
		if (rc != 0)
			continue;
		if (best_slot == UINT32_MAX) {
			best = view;
			best_slot = slot;
		} else if (shards_gives_way(&view.body, slot, &best.body,
			       best_slot)) {
			kick(rivals, slot, &view);
		} else {
			kick(rivals, best_slot, &best);
			best = view;
			best_slot = slot;
		}
	}
}

void
rivals_check(struct rivals *rivals, const char *id, size_t len)
{
	settle(rivals, id, len, 0);
	if (rivals->again && !rivals->walking)
		rivals_resync(rivals);
}

/* Looks at up to `budget` records of one shard; true: it is done. */
static bool
walk_shard(struct rivals *rivals, const struct table *table, uint32_t *budget)
{
	struct record_view view;
	uint32_t high;
	int rc;

	if (table->is_foreign) {
		rivals->again = true;
		return true;
	}
	high = atomic_load_explicit(&table->header->high_water,
	    memory_order_acquire);
	if (high > table->capacity)
		high = table->capacity;
	while (rivals->rec<high && * budget> 0) {
		(*budget)--;
		rc = table_read(table, rivals->rec++, &view);
		if (rc == -EAGAIN)
			rivals->again = true;
		/* pairs with a lower slot were found when that was walked */
		if (rc == 0 && view.body.state == RECORD_OPEN)
			settle(rivals, view.id, strlen(view.id), rivals->slot);
	}
	return rivals->rec >= high;
}

static void
on_walk(evutil_socket_t fd, short what, void *arg)
{
	struct rivals *rivals = arg;
	struct shards *shards = &rivals->relay->shards;
	uint32_t budget = WALK_RECORDS;
	bool again;

	(void)fd;
	(void)what;
	worker_beat(rivals->relay->worker);
	/* nobody has a rival in the last shard alone */
	while (rivals->slot + 1 < shards->end && budget > 0) {
		if (shards->items[rivals->slot].attached &&
		    !walk_shard(rivals, &shards->items[rivals->slot].table,
			&budget))
			continue;
		rivals->slot++;
		rivals->rec = 0;
	}
	shards_wake(shards);
	if (rivals->slot + 1 < shards->end) {
		evtimer_add(rivals->walk, &walk_pause);
		return;
	}
	again = rivals->again;
	rivals->walking = false;
	rivals->again = false;
	if (again) {
		rivals->walking = true;
		rivals->slot = 0;
		rivals->rec = 0;
		evtimer_add(rivals->walk, &full_pause);
	}
}

int
rivals_start(struct rivals *rivals, struct relay *relay)
{
	memset(rivals, 0, sizeof(*rivals));
	rivals->relay = relay;
	rivals->walk = evtimer_new(relay->worker->base, on_walk, rivals);
	return rivals->walk == NULL ? -ENOMEM : 0;
}

void
rivals_stop(struct rivals *rivals)
{
	if (rivals->walk != NULL)
		event_free(rivals->walk);
	rivals->walk = NULL;
}

void
rivals_resync(struct rivals *rivals)
{
	if (rivals->walking) {
		rivals->again = true;
		return;
	}
	counter_add(relay_counters(rivals->relay), COUNTER_RESYNCS, 1);
	rivals->walking = true;
	rivals->again = false;
	rivals->slot = 0;
	rivals->rec = 0;
	evtimer_add(rivals->walk, &walk_pause);
}

void
rivals_poll(struct rivals *rivals)
{
	struct shards *shards = &rivals->relay->shards;
	uint32_t slot, wanted;

	for (slot = 0; slot < shards->end; slot++) {
		if (!shards->items[slot].attached ||
		    shards->items[slot].table.is_foreign)
			continue;
		wanted = atomic_load_explicit(
		    &shards->items[slot].table.header->resync_wanted,
		    memory_order_acquire);
		if (wanted == rivals->seen_resync[slot])
			continue;
		rivals->seen_resync[slot] = wanted;
		if (wanted == 0)
			continue;
		rivals_resync(rivals);
		routes_resync(&rivals->relay->routes,
		    "a gateway's reports were too many");
	}
}
