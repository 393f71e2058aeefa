/* SPDX-License-Identifier: ISC */
/*
 * Delivers documents of the node's channel, or lets them wait a moment: for
 * room in the ring of their slot, or for a table that is on its way to another
 * process.  Each slot has a line of its own, so that a gateway which stands
 * still keeps up its own clients only.  Bounded in bytes, all lines together.
 */
#ifndef HOLDFAST_RELAY_PUSH_WAIT_H
#define HOLDFAST_RELAY_PUSH_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/hash.h"
#include "proto/slot.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/push_queue.h"

#define PUSH_WAIT_BUCKETS 4096u /* a power of two */

struct relay;

/* A client for whom something waits, in one line: who came later waits behind
 * who came before, also when the client is in another slot by now. */
struct push_waiter {
	struct push_waiter *next; /* owned; of its bucket */
	uint32_t bucket;
	uint32_t count; /* of documents */
	uint32_t line;
	size_t id_len;
	char id[];
};

struct push_line {
	struct push_queue queue;
	uint64_t stuck_ms; /* since then nothing was delivered; 0: it was */
};

struct push_wait {
	struct relay *relay; /* borrowed */
	/* The last one is for clients that cannot be looked up. */
	struct push_line lines[SLOT_MAX_WORKERS + 1];
	size_t bytes; /* in all lines */
	size_t max_bytes;
	uint32_t count; /* of documents, in all lines */
	struct hash_key key;
	struct push_waiter *waiters[PUSH_WAIT_BUCKETS]; /* owned */
};

void push_wait_init(struct push_wait *, struct relay *, size_t max_bytes);
void push_wait_clear(struct push_wait *);

void push_wait_deliver(struct push_wait *, const struct dispatch_doc *);

/* Delivers what can be, and drops and counts what has waited too long.  True:
 * there is more that may not have to wait. */
bool push_wait_go_on(struct push_wait *, uint64_t now_ms);

static inline bool
push_wait_is_empty(const struct push_wait *wait)
{
	return wait->count == 0;
}

#endif
