/* SPDX-License-Identifier: ISC */
/*
 * The inside of struct delivery, for delivery.c alone: items that wait for a
 * receipt or for the kernel, found by their token.
 */
#ifndef HOLDFAST_RELAY_DELIVERY_ITEMS_H
#define HOLDFAST_RELAY_DELIVERY_ITEMS_H

#include "worker/relay/delivery.h"

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
