/* SPDX-License-Identifier: ISC */
/*
 * The inside of struct delivery, for delivery.c alone: items that wait for a
 * receipt or for the kernel, found by their token.
 */
#ifndef HOLDFAST_RELAY_DELIVERY_ITEMS_H
#define HOLDFAST_RELAY_DELIVERY_ITEMS_H

#include "lib/timer_wheel.h"
#include "worker/relay/delivery.h"

struct delivery_item {
	struct timer_node timer;
	uint32_t next_free; /* while free */
	uint32_t next_polled, prev_polled;
	bool polled;
	bool is_message; /* counted as a dispatch */
	bool is_moving;	 /* in no ring: to the client's next connection */
	uint8_t moves;
	struct shard_target target;
	uint64_t token; /* 0: free */
	uint64_t position;
	uint64_t started_us;
	struct delivery_order order;
	const void *text; /* borrowed until on_done; NULL: goes out once */
	size_t len;
	uint8_t id_len; /* 0: a broadcast */
	char id[RECORD_ID_MAX];
};

/* A new item with a token of its own; NULL when there are too many. */
struct delivery_item *delivery_item_take(struct delivery *,
    const struct shard_target *, const struct delivery_order *);

/* Forgets it and tells nobody. */
void delivery_item_free(struct delivery *, struct delivery_item *);

/* Sets its deadline: its entry is in the ring, or it is queued. */
void delivery_item_expect(struct delivery *, struct delivery_item *,
    uint64_t ms);

/* A text or a broadcast, into the ring of the target's slot: as shards_put().
 */
int delivery_put_text(struct delivery *, uint16_t kind,
    const struct shard_target *, uint64_t token, const void *text, size_t len)
    __attribute__((warn_unused_result));

#endif
