/* SPDX-License-Identifier: ISC */
/*
 * The poison table of a node (see node_poison.h): clients and addresses in
 * whose service tenants died.  All tenants write it, without a lock: when two
 * race, a fault may go uncounted or an entry be there twice, which delays a
 * refusal by one fault.  Entries are replaced, never removed, so that a probe
 * may end at the first free one.
 */
#include "proto/node_poison.h"

#include <stdbool.h>
#include <stddef.h>

struct probe {
	struct node_poison *match;
	struct node_poison *room; /* what a new key should take */
	uint64_t room_key;
};

static uint32_t
until(const struct node_poison *p)
{
	return atomic_load_explicit(&p->refuse_until, memory_order_relaxed);
}

static bool
is_over(const struct node_poison *p, uint32_t now_s)
{
	return (int32_t)(until(p) - now_s) <= 0;
}

static struct probe
probe(struct node_shared *shared, uint64_t key, uint32_t now_s)
{
	struct probe found = { NULL, NULL, 0 };

	for (uint32_t i = 0; i < NODE_POISON_ENTRIES; i++) {
		struct node_poison *p =
		    &shared->poison[(key + i) % NODE_POISON_ENTRIES];
		uint64_t there = atomic_load_explicit(&p->key,
		    memory_order_acquire);

		if (there == key) {
			found.match = p;
			break;
		}
		if (there == 0) {
			/* Free, unless one before it is past its life. */
			if (found.room == NULL || !is_over(found.room, now_s)) {
				found.room = p;
				found.room_key = 0;
			}
			break;
		}
		if (found.room == NULL ||
		    (int32_t)(until(p) - until(found.room)) < 0) {
			found.room = p;
			found.room_key = there;
		}
	}
	return found;
}

/* NULL: another process took the place; the fault goes uncounted. */
static struct node_poison *
claim(const struct probe *found, uint64_t key)
{
	uint64_t expected = found->room_key;

	/* Before the key: nobody may inherit what another did. */
	atomic_store_explicit(&found->room->faults, 0, memory_order_release);
	if (!atomic_compare_exchange_strong(&found->room->key, &expected, key))
		return NULL;
	return found->room;
}

uint32_t
node_poison_fault(struct node *n, uint64_t key, uint32_t limit,
    uint32_t refuse_s, uint32_t now_s)
{
	struct node_poison *p;
	struct probe found;
	uint32_t faults;

	key = key != 0 ? key : 1;
	found = probe(n->shared, key, now_s);
	p = found.match != NULL ? found.match : claim(&found, key);
	if (p == NULL)
		return 1;
	if (found.match != NULL && is_over(p, now_s))
		atomic_store_explicit(&p->faults, 0, memory_order_relaxed);
	faults = atomic_fetch_add(&p->faults, 1) + 1;
	faults &= ~NODE_POISON_REFUSED;
	atomic_store_explicit(&p->refuse_until, now_s + refuse_s,
	    memory_order_relaxed);
	if (limit != 0 && faults >= limit)
		atomic_fetch_or(&p->faults, NODE_POISON_REFUSED);
	return faults;
}

int
node_poison_refused(const struct node *n, uint64_t key, uint32_t now_s)
{
	struct probe found;
	uint32_t faults;

	key = key != 0 ? key : 1;
	found = probe(n->shared, key, now_s);
	if (found.match == NULL || is_over(found.match, now_s))
		return 0;
	faults = atomic_load_explicit(&found.match->faults,
	    memory_order_relaxed);
	return (faults & NODE_POISON_REFUSED) != 0;
}
