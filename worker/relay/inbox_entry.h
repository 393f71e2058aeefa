/* SPDX-License-Identifier: ISC */
/*
 * One entry of the stream inbox:NODE, for inbox.c alone.
 */
#ifndef HOLDFAST_RELAY_INBOX_ENTRY_H
#define HOLDFAST_RELAY_INBOX_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/relay/delivery.h"
#include "worker/relay/inbox_fields.h"

struct inbox;
struct relay;

/* Delivers it and moves inbox->state behind it.  false: not now, because a ring
 * is full or a table busy; nothing has happened then, or of a broadcast what
 * inbox->state says. */
bool inbox_entry_take(struct inbox *, const struct inbox_fields *);

/* ---- for inbox_entry.c and inbox_broadcast.c */

/* Who is to be told; "" in node: nobody. */
struct inbox_asker {
	struct relay *relay;
	char node[ROUTE_NODE_MAX + 1];
	char token[INBOX_TOKEN_MAX + 1];
};

void inbox_asker_init(struct inbox_asker *, struct relay *,
    const struct inbox_fields *);
/* With one more member, whose value is JSON; name NULL: without. */
void inbox_asker_tell(const struct inbox_asker *, enum delivery_status,
    const char *name, const char *value);

/* Writes down what is about to be put in which ring: a message or kick for that
 * target, or a slot's part of a broadcast (target->rec RECORD_NONE). */
void inbox_intend(struct inbox *, const struct inbox_id *,
    const struct shard_target *);

/* To every connection, slot by slot.  DELIVERY_PENDING: all rings have it, and
 * the asker will be told; DELIVERY_BUSY: some have it, and the rest is to be
 * done by another call. */
enum delivery_status inbox_broadcast_take(struct inbox *,
    const struct inbox_fields *);

/* Tells what is known of a client.  DELIVERY_PENDING: it was told. */
enum delivery_status inbox_where_take(struct inbox *,
    const struct inbox_fields *);

#endif
