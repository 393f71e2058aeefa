/* SPDX-License-Identifier: ISC */
/*
 * Clients' messages on their way from the rings of the gateways to the streams
 * ingress:PARTITION (upstream.mode "stream").  A message leaves its ring once
 * Redis has answered for it, and is sent again until then: at least once, with
 * (connection, seq) to tell a repeat.  The ring is read ahead, but of each
 * partition one batch is under way at a time: so the first time that each
 * message of a connection shows up is in order, whatever fails in between.
 */
#ifndef HOLDFAST_RELAY_INGRESS_H
#define HOLDFAST_RELAY_INGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "lib/hash.h"
#include "proto/ring.h"
#include "proto/slot.h"

#define INGRESS_ITEMS	   8192u /* of a ring, read ahead; a power of two */
#define INGRESS_PARTITIONS 1024u
#define INGRESS_NONE	   UINT32_MAX

struct relay;
struct ingress_source;

/* An entry that has been looked at and is still in its ring. */
struct ingress_item {
	struct ring_entry entry;
	uint64_t number;
	uint32_t next; /* of its partition */
	bool is_done;
};

struct ingress_queue {
	struct ingress_source *source; /* borrowed: it is a part of it */
	uint32_t partition;
	uint32_t first, last; /* items, the oldest first */
	uint32_t flying;      /* of them, from the first on */
	bool is_stale;	      /* those that fly are in the ring no more */
};

/* One ring. */
struct ingress_source {
	TAILQ_ENTRY(ingress_source) link;
	struct relay *relay; /* borrowed */
	struct ring ring;
	uint32_t slot;	/* it comes from */
	bool is_orphan; /* its gateway has gone: freed once it is empty */
	bool is_full;	/* of items: the gateway was not asked to wake us */
	/* Items, counted; their places modulo.  Below sent_end some may be in
	 * Redis already. */
	uint64_t tail, head, sent_end;
	struct ring_entry last;
	uint32_t flying; /* batches */
	uint32_t partitions_end;
	struct ingress_item items[INGRESS_ITEMS];
	struct ingress_queue queues[INGRESS_PARTITIONS];
};

struct ingress {
	struct relay *relay;				/* borrowed */
	struct ingress_source *slots[SLOT_MAX_WORKERS]; /* owned; or NULL */
	TAILQ_HEAD(, ingress_source) orphans;
	struct event *retry; /* owned; after a failure; NULL: standalone */
	struct hash_key key;
	uint32_t flying;
	bool is_up;
	bool is_parting;
	bool is_told; /* that Redis refuses */
};

/* 0 or -ENOMEM.  Without redis.url nothing here does anything. */
int ingress_start(struct ingress *, struct relay *)
    __attribute__((warn_unused_result));

/* Its link has come up or gone down. */
void ingress_link(struct ingress *, bool is_up);

/* A slot's gateway has something to say.  Its eventfd, which is that of the
 * ring up, was read before. */
void ingress_wake(struct ingress *, uint32_t slot);
/* The slot has lost its memory, or goes: what is in the ring is sent yet. */
void ingress_slot_gone(struct ingress *, uint32_t slot);

/* Sends no more but what the next relay would not find, and what stands before
 * messages that Redis has: they would be sent again. */
void ingress_part(struct ingress *);
/* There is no next one yet. */
void ingress_resume(struct ingress *);
bool ingress_is_idle(const struct ingress *);

/* Has Redis all of what gateways that have gone have left? */
bool ingress_is_empty(const struct ingress *);
/* Counts what it has not as lost. */
uint64_t ingress_abandon(struct ingress *);

/* Once a second. */
void ingress_tick(struct ingress *);

#endif
