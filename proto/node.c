/* SPDX-License-Identifier: ISC */
/*
 * The node memfd (see node.h).  The counts per address are an open-addressing
 * table for each slot, deleted from by shifting back, so that nothing of past
 * addresses stays.  Who reads another slot's part may see an entry twice or
 * miss one while it moves: a limit on connections can bear that.  Contents are
 * never trusted: any gateway may be compromised, so probes are bounded.
 */
#include "proto/node.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/shm.h"

/* An address whose place is farther from home than this is not counted. */
#define IP_PROBES 128u

static uint64_t
head_bytes(void)
{
	return shm_round(sizeof(struct node_shared));
}

static uint64_t
part_bytes(uint32_t ip_entries)
{
	return (uint64_t)ip_entries * sizeof(struct node_ip);
}

uint64_t
node_bytes(uint32_t ip_entries)
{
	return head_bytes() + SLOT_MAX_WORKERS * part_bytes(ip_entries);
}

static bool
is_entries_valid(uint32_t n)
{
	return n == 0 ||
	    (n >= NODE_IP_MIN_ENTRIES && n <= NODE_IP_MAX_ENTRIES &&
		(n & (n - 1)) == 0);
}

int
node_format(int fd, uint32_t slots, uint32_t ip_entries,
    const uint8_t hash_key[32])
{
	struct node_shared *shared;
	uint64_t size;
	void *p;
	int rc;

	if (slots > SLOT_MAX_WORKERS || !is_entries_valid(ip_entries))
		return -EINVAL;
	rc = shm_size(fd, &size);
	if (rc != 0)
		return rc;
	if (size < node_bytes(ip_entries))
		return -EINVAL;
	rc = shm_punch(fd, 0, size);
	if (rc != 0)
		return rc;
	rc = shm_reserve(fd, 0, head_bytes());
	if (rc != 0)
		return rc;
	rc = shm_map(fd, head_bytes(), 1, &p);
	if (rc != 0)
		return rc;
	shared = p;
	shared->layout = NODE_LAYOUT;
	shared->slots = slots;
	shared->ip_entries = ip_entries;
	memcpy(shared->hash_key, hash_key, sizeof(shared->hash_key));
	shared->magic = NODE_MAGIC;
	munmap(p, head_bytes());
	return 0;
}

int
node_attach(struct node *n, int fd)
{
	struct node_shared *shared;
	uint32_t entries;
	uint64_t size;
	void *p;
	int rc;

	memset(n, 0, sizeof(*n));
	n->fd = -1;
	rc = shm_size(fd, &size);
	if (rc != 0)
		return rc;
	if (size < head_bytes())
		return -EPROTO;
	rc = shm_map(fd, size, 1, &p);
	if (rc != 0)
		return rc;
	shared = p;
	entries = shared->ip_entries;
	if (shared->magic != NODE_MAGIC)
		rc = -EPROTO;
	else if (shared->layout != NODE_LAYOUT)
		rc = -EPROTONOSUPPORT;
	else if (!is_entries_valid(entries) || size < node_bytes(entries))
		rc = -EPROTO;
	if (rc != 0) {
		munmap(p, size);
		return rc;
	}
	n->shared = shared;
	n->ips = (struct node_ip *)(void *)((uint8_t *)p + head_bytes());
	n->bytes = size;
	n->ip_entries = entries;
	n->fd = fd;
	return 0;
}

void
node_detach(struct node *n)
{
	if (n->shared != NULL)
		munmap(n->shared, n->bytes);
	memset(n, 0, sizeof(*n));
	n->fd = -1;
}

static uint32_t
slots_in_use(const struct node *n)
{
	uint32_t slots = n->shared->slots;

	return slots <= SLOT_MAX_WORKERS ? slots : SLOT_MAX_WORKERS;
}

uint32_t
node_connections(const struct node *n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < slots_in_use(n); i++)
		sum += atomic_load_explicit(&n->shared->slot[i].connections,
		    memory_order_relaxed);
	return sum;
}

uint32_t
node_open(const struct node *n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < slots_in_use(n); i++)
		sum += atomic_load_explicit(&n->shared->slot[i].open,
		    memory_order_relaxed);
	return sum;
}

uint32_t
node_held(const struct node *n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < slots_in_use(n); i++) {
		const struct node_slot *s = &n->shared->slot[i];
		uint32_t open = atomic_load_explicit(&s->open,
		    memory_order_relaxed);
		uint32_t held = atomic_load_explicit(&s->held,
		    memory_order_relaxed);

		sum += held > open ? held : open;
	}
	return sum;
}

void
node_slot_forget(struct node_slot *slot)
{
	atomic_store(&slot->connections, 0);
	atomic_store(&slot->open, 0);
	atomic_store(&slot->held, 0);
	node_slot_drain_forget(&slot->drain);
}

/* ---- connections per address -------------------------------------------- */

static struct node_ip *
part_of(const struct node *n, uint32_t slot)
{
	return n->ips + (size_t)slot * n->ip_entries;
}

/* 0 says that an entry is free. */
static uint64_t
usable_key(uint64_t key)
{
	return key != 0 ? key : 1;
}

static uint64_t
key_load(const struct node_ip *e)
{
	return atomic_load_explicit(&e->key, memory_order_relaxed);
}

static uint32_t
count_load(const struct node_ip *e)
{
	return atomic_load_explicit(&e->count, memory_order_relaxed);
}

/* The key's entry in a part, or the free one where it would go; NULL: none. */
static struct node_ip *
find(const struct node *n, uint32_t slot, uint64_t key)
{
	uint32_t mask = n->ip_entries - 1;
	struct node_ip *part = part_of(n, slot);

	if (n->ip_entries == 0)
		return NULL;
	for (uint32_t i = 0; i < IP_PROBES; i++) {
		struct node_ip *e = &part[((uint32_t)key + i) & mask];
		uint64_t there = key_load(e);

		if (there == key || there == 0)
			return e;
	}
	return NULL;
}

uint32_t
node_ip_count(const struct node *n, uint64_t key)
{
	uint32_t sum = 0;

	key = usable_key(key);
	for (uint32_t i = 0; i < slots_in_use(n); i++) {
		const struct node_ip *e = find(n, i, key);

		if (e != NULL && key_load(e) == key)
			sum += count_load(e);
	}
	return sum;
}

static uint64_t
part_at(const struct node *n, uint32_t slot)
{
	return head_bytes() + slot * part_bytes(n->ip_entries);
}

int
node_ip_add(struct node *n, uint32_t slot, uint64_t key)
{
	uint64_t bit = UINT64_C(1) << slot;
	struct node_ip *e;
	int rc;

	key = usable_key(key);
	if (n->ip_entries == 0)
		return -ENOSPC;
	if ((n->ip_reserved & bit) == 0) {
		rc = shm_reserve(n->fd, part_at(n, slot),
		    part_bytes(n->ip_entries));
		if (rc != 0)
			return rc;
		n->ip_reserved |= bit;
	}
	e = find(n, slot, key);
	if (e == NULL)
		return -ENOSPC;
	if (key_load(e) == key) {
		atomic_store_explicit(&e->count, count_load(e) + 1,
		    memory_order_relaxed);
		return 0;
	}
	atomic_store_explicit(&e->count, 1, memory_order_relaxed);
	atomic_store_explicit(&e->key, key, memory_order_release);
	return 0;
}

static void
move(struct node_ip *to, const struct node_ip *from)
{
	atomic_store_explicit(&to->count, count_load(from),
	    memory_order_relaxed);
	atomic_store_explicit(&to->key, key_load(from), memory_order_release);
}

/* Frees the entry at `hole`: those behind it that would not be found past a
 * free entry move up. */
static void
delete_at(struct node_ip *part, uint32_t mask, uint32_t hole)
{
	uint32_t at = hole;

	for (uint32_t i = 0; i < mask; i++) {
		uint64_t key;

		at = (at + 1) & mask;
		key = key_load(&part[at]);
		if (key == 0)
			break;
		/* its home lies behind the hole: it stays */
		if (((at - (uint32_t)key) & mask) < ((at - hole) & mask))
			continue;
		move(&part[hole], &part[at]);
		hole = at;
	}
	atomic_store_explicit(&part[hole].key, 0, memory_order_relaxed);
	atomic_store_explicit(&part[hole].count, 0, memory_order_relaxed);
}

void
node_ip_remove(struct node *n, uint32_t slot, uint64_t key)
{
	struct node_ip *e;
	uint32_t count;

	key = usable_key(key);
	e = find(n, slot, key);
	if (e == NULL || key_load(e) != key)
		return;
	count = count_load(e);
	if (count > 1)
		atomic_store_explicit(&e->count, count - 1,
		    memory_order_relaxed);
	else
		delete_at(part_of(n, slot), n->ip_entries - 1,
		    (uint32_t)(e - part_of(n, slot)));
}

void
node_ip_clear(struct node *n, uint32_t slot)
{
	uint64_t bytes = part_bytes(n->ip_entries);

	if (bytes == 0)
		return;
	if (shm_punch(n->fd, part_at(n, slot), bytes) != 0)
		memset((void *)part_of(n, slot), 0, bytes);
	n->ip_reserved &= ~(UINT64_C(1) << slot);
}
