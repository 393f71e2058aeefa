/* SPDX-License-Identifier: ISC */
/*
 * The node's registry as the relay sees it: one shard for each gateway slot, a
 * table that is mapped read-only and a ring in each direction.  Lookups take no
 * lock.  A slot may get new memory at run time, when its keeper and tenant have
 * both died: the shard is then mapped anew.
 */
#ifndef HOLDFAST_RELAY_SHARDS_H
#define HOLDFAST_RELAY_SHARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/ring.h"
#include "proto/table.h"
#include "worker/worker.h"

struct shard {
	bool attached;
	bool wake; /* entries were put since the last shards_wake() */
	struct table table;
	struct ring up;
	struct ring down;
};

struct shards {
	struct shard items[SLOT_MAX_WORKERS];
	uint32_t end; /* no shard is attached at or above */
};

/* A connection, by slot and record. */
struct shard_target {
	uint32_t slot;
	uint32_t rec;
	uint32_t gen;
};

void shards_init(struct shards *);

/*
 * Maps slot's table and rings from the worker's fd directory.  -ENOENT while
 * one of the fds is missing; else what table_attach() and ring_attach() say.
 */
int shards_attach(struct shards *, const struct worker *, uint32_t slot)
    __attribute__((warn_unused_result));
void shards_detach(struct shards *, uint32_t slot);
/* Takes the table of the directory in place of the one that is mapped, if it is
 * the same slot's after a handoff: then connections and rings are as before. */
bool shards_follow(struct shards *, const struct worker *, uint32_t slot);

/*
 * The connection of a client id: of those open in several slots the latest
 * established, or else the higher slot.  -ENOENT, or -EAGAIN when a shard
 * stayed busy and nothing can be said.
 */
int shards_find(const struct shards *, const char *id, size_t len,
    uint32_t *out_slot, struct record_view *out_view)
    __attribute__((warn_unused_result));

/* Does connection a of slot_a give way to b, which has the same client id? */
bool shards_gives_way(const struct record_body *a, uint32_t slot_a,
    const struct record_body *b, uint32_t slot_b);

/* Puts an entry in a slot's ring; woken later by shards_wake().  -ENOTCONN
 * when no such shard is attached, else as ring_put(). */
int shards_put(struct shards *, uint32_t slot, uint16_t kind,
    const struct ring_part *, int parts) __attribute__((warn_unused_result));

/* Asks a slot to close a connection; token 0: no receipt. */
int shards_put_kick(struct shards *, const struct shard_target *,
    uint64_t token, uint16_t code, const char *reason)
    __attribute__((warn_unused_result));

/* Wakes the gateways that got something; at the end of a batch. */
void shards_wake(struct shards *);

#endif
