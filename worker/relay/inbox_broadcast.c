/* SPDX-License-Identifier: ISC */
/*
 * A broadcast out of the stream: an entry in the ring of each slot, one after
 * the other.  Before each the slot is written down, so that whoever goes on,
 * this relay when a ring has room again or the next one, knows which have it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/relay/inbox.h"
#include "worker/relay/inbox_entry.h"
#include "worker/relay/relay.h"

/* Bytes that fit, as in broadcast_fits(). */
#define LEN_MAX (RING_DOWN_BYTES / 4 - sizeof(struct ring_deliver) - 64)

/* Lives until all slots have it and have answered or not. */
struct inbox_broadcast {
	struct inbox_id id;
	struct inbox_asker asker;
	uint32_t left; /* receipts to come, and 1 while slots are to be told */
	bool all;      /* no slot has failed to answer */
	uint64_t connections;
};

static void
release(struct inbox_broadcast *broadcast)
{
	char number[24];

	if (--broadcast->left > 0)
		return;
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)broadcast->connections);
	inbox_asker_tell(&broadcast->asker,
	    broadcast->all ? DELIVERY_DELIVERED : DELIVERY_QUEUED,
	    "connections", number);
	free(broadcast);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct inbox_broadcast *broadcast = owner;

	(void)item;
	if (status == DELIVERY_DELIVERED || status == DELIVERY_QUEUED)
		broadcast->connections += position;
	else
		broadcast->all = false;
	release(broadcast);
}

/* That of the entry which was begun, or a new one. */
static struct inbox_broadcast *
begin(struct inbox *inbox, const struct inbox_fields *entry, bool is_resumed)
{
	struct inbox_broadcast *broadcast = inbox->broadcast;

	if (broadcast != NULL &&
	    inbox_id_compare(&broadcast->id, &entry->id) == 0)
		return broadcast;
	if (broadcast != NULL) {
		/* Redis has forgotten it. */
		broadcast->all = false;
		inbox->broadcast = NULL;
		release(broadcast);
	}
	broadcast = calloc(1, sizeof(*broadcast));
	if (broadcast == NULL)
		return NULL;
	broadcast->id = entry->id;
	inbox_asker_init(&broadcast->asker, inbox->relay, entry);
	broadcast->left = 1;
	/* What an earlier relay has told is answered to nobody. */
	broadcast->all = !is_resumed;
	inbox->broadcast = broadcast;
	return broadcast;
}

/* The gateways get half of the time that the asker waits. */
static uint32_t
wait_ms(const struct inbox *inbox, const struct inbox_fields *entry)
{
	const struct settings *set = &inbox->relay->worker->settings;

	return entry->wait_ms + (uint32_t)(set->api.request_timeout_ms / 2);
}

/* Not yet in the ring of this slot, and in those of all before it. */
static void
stop_before(struct inbox *inbox)
{
	inbox->state.ring_seq = UINT64_MAX;
	slot_inbox_put(&inbox->relay->worker->slot->inbox, &inbox->state);
}

static enum delivery_status
put(struct inbox *inbox, const struct inbox_fields *entry,
    struct inbox_broadcast *broadcast, uint32_t slot)
{
	const struct shard_target target = { slot, RECORD_NONE, 0 };
	struct delivery_order order = { on_done, broadcast, 0,
		wait_ms(inbox, entry) };
	enum delivery_status status;

	inbox_intend(inbox, &entry->id, &target);
	status = delivery_broadcast_to(&inbox->relay->delivery, slot,
	    entry->text, entry->len, &order);
	crash_mark();
	if (status == DELIVERY_PENDING)
		broadcast->left++;
	else if (status == DELIVERY_BUSY)
		stop_before(inbox);
	else
		broadcast->all = false;
	return status;
}

enum delivery_status
inbox_broadcast_take(struct inbox *inbox, const struct inbox_fields *entry)
{
	const struct shards *shards = &inbox->relay->shards;
	const struct inbox_state *state = &inbox->state;
	struct inbox_broadcast *broadcast;
	bool is_begun = inbox_id_compare(&state->intent, &entry->id) == 0;
	uint32_t slot = is_begun ? state->slot : 0;

	if (entry->len > LEN_MAX)
		return DELIVERY_TOO_BIG;
	broadcast = begin(inbox, entry, is_begun);
	if (broadcast == NULL)
		return DELIVERY_BUSY;
	for (; slot < shards->end; slot++) {
		if (shards->items[slot].attached &&
		    put(inbox, entry, broadcast, slot) == DELIVERY_BUSY)
			return DELIVERY_BUSY;
	}
	inbox->broadcast = NULL;
	release(broadcast);
	return DELIVERY_PENDING;
}
