/* SPDX-License-Identifier: ISC */
/*
 * A table's memory (see table.h): layout, formatting, mapping, and the writes
 * of the tenant that owns it.  The index is in table_index.c, the lock-free
 * readers in table_read.c, what a new tenant does first in table_adopt.c.
 */
#include "proto/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/shm.h"
#include "proto/table_index.h"

#define INDEX_AT (TABLE_SCRATCH_AT + TABLE_SCRATCH_BYTES)

struct layout {
	uint64_t index[2];
	uint64_t records;
	uint64_t id_rest;
	uint64_t end;
};

/* At most half full with all records in use: rebuilding in place to get rid of
 * tombstones stays rare. */
uint32_t
table_max_index_log2(uint32_t capacity)
{
	uint32_t log2 = INDEX_MIN_LOG2;

	while ((UINT64_C(1) << log2) < 2 * (uint64_t)capacity)
		log2++;
	return log2;
}

static struct layout
layout_of(uint32_t capacity)
{
	uint64_t half = UINT64_C(8) << table_max_index_log2(capacity);
	struct layout l;

	l.index[0] = INDEX_AT;
	l.index[1] = l.index[0] + half;
	l.records = l.index[1] + half;
	l.id_rest = l.records +
	    shm_round((uint64_t)capacity * sizeof(struct record));
	l.end = l.id_rest + shm_round((uint64_t)capacity * RECORD_ID_REST);
	return l;
}

uint64_t
table_bytes(uint32_t capacity)
{
	return layout_of(capacity).end;
}

uint64_t
table_record_at(uint32_t capacity, uint32_t rec)
{
	return layout_of(capacity).records +
	    (uint64_t)rec * sizeof(struct record);
}

uint64_t
table_rest_at(uint32_t capacity, uint32_t rec)
{
	return layout_of(capacity).id_rest + (uint64_t)rec * RECORD_ID_REST;
}

static void
header_init(struct slot_header *h, uint32_t slot, uint32_t capacity,
    uint64_t nonce, const uint8_t hash_key[32])
{
	uint64_t bytes = table_bytes(capacity);

	h->layout = SLOT_LAYOUT;
	h->kind = capacity > 0 ? SLOT_KIND_GATEWAY : SLOT_KIND_RELAY;
	h->slot = slot;
	h->table_bytes_hi = (uint32_t)(bytes >> 32);
	h->table_bytes_lo = (uint32_t)bytes;
	h->capacity = capacity;
	h->nonce = nonce;
	memcpy(h->hash_key, hash_key, sizeof(h->hash_key));
	h->death_rec = RECORD_NONE;
	for (int i = 0; i < 2; i++) {
		h->journal[i].rec = RECORD_NONE;
		h->journal[i].kick = RECORD_NONE;
	}
	h->step.rec = RECORD_NONE;
	atomic_store(&h->kick_rec, RECORD_NONE);
	atomic_store(&h->index_word, INDEX_MIN_LOG2);
	h->magic = SLOT_MAGIC;
}

int
table_format(int fd, uint32_t slot, uint32_t capacity, uint64_t nonce,
    const uint8_t hash_key[32])
{
	uint64_t bytes, size;
	void *p;
	int rc;

	if (capacity > TABLE_MAX_CAPACITY)
		return -EINVAL;
	bytes = table_bytes(capacity);
	rc = shm_size(fd, &size);
	if (rc != 0)
		return rc;
	if (size < bytes)
		return -EINVAL;
	rc = shm_punch(fd, 0, size);
	if (rc != 0)
		return rc;
	/* Scratch and first index are used at once; a relay has no use for
	 * them. */
	rc = shm_reserve(fd, 0,
	    capacity > 0 ? INDEX_AT + (8u << INDEX_MIN_LOG2) :
			   SLOT_HEADER_BYTES);
	if (rc != 0)
		return rc;
	rc = shm_map(fd, SLOT_HEADER_BYTES, 1, &p);
	if (rc != 0)
		return rc;
	header_init(p, slot, capacity, nonce, hash_key);
	munmap(p, SLOT_HEADER_BYTES);
	return 0;
}

/* The header belongs to somebody else: what is kept is what was checked. */
static int
header_check(const struct slot_header *h, uint64_t size, bool any,
    struct table *out)
{
	uint64_t bytes = (uint64_t)h->table_bytes_hi << 32 | h->table_bytes_lo;
	uint32_t capacity = h->capacity;

	if (h->magic != SLOT_MAGIC)
		return -EPROTO;
	if (h->layout != SLOT_LAYOUT && !any)
		return -EPROTONOSUPPORT;
	if (capacity > TABLE_MAX_CAPACITY || bytes > size)
		return -EPROTO;
	out->is_foreign = h->layout != SLOT_LAYOUT;
	if (!out->is_foreign && bytes != table_bytes(capacity))
		return -EPROTO;
	out->capacity = capacity;
	return 0;
}

static void
find_parts(struct table *t, uint8_t *base)
{
	struct layout l = layout_of(t->capacity);

	t->scratch_in = base + TABLE_SCRATCH_AT;
	t->scratch_out = t->scratch_in + SLOT_SCRATCH_IN;
	t->index[0] = (_Atomic uint64_t *)(void *)(base + l.index[0]);
	t->index[1] = (_Atomic uint64_t *)(void *)(base + l.index[1]);
	t->records = (struct record *)(void *)(base + l.records);
	t->id_rest = (uint8_t(*)[RECORD_ID_REST])(base + l.id_rest);
}

static int
attach(struct table *t, int fd, int writable, bool any)
{
	uint64_t size;
	void *p;
	int rc;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	rc = shm_size(fd, &size);
	if (rc != 0)
		return rc;
	if (size < (any ? SHM_PAGE : table_bytes(0)))
		return -EPROTO;
	rc = shm_map(fd, size, writable, &p);
	if (rc != 0)
		return rc;
	rc = header_check(p, size, any, t);
	if (rc == 0 && !t->is_foreign && size < table_bytes(0))
		rc = -EPROTO;
	if (rc != 0) {
		munmap(p, size);
		return rc;
	}
	t->header = p;
	t->bytes = size;
	t->fd = fd;
	t->max_index_log2 = table_max_index_log2(t->capacity);
	t->writable = writable;
	hash_key_init(&t->key, t->header->hash_key);
	if (!t->is_foreign)
		find_parts(t, p);
	return 0;
}

int
table_attach(struct table *t, int fd, int writable)
{
	return attach(t, fd, writable, false);
}

int
table_attach_any(struct table *t, int fd, int writable)
{
	return attach(t, fd, writable, true);
}

void
table_detach(struct table *t)
{
	if (t->header != NULL)
		munmap(t->header, t->bytes);
	free(t->free_list);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}

/* From what the supervisor has said in the common part. */
static int
make_own(int fd, const struct table *was)
{
	struct slot_header h;
	struct table t;
	int rc;

	memcpy(&h, was->header, SLOT_COMMON_BYTES);
	rc = table_format(fd, h.slot, was->capacity, h.nonce, h.hash_key);
	if (rc == 0)
		rc = table_attach(&t, fd, 1);
	if (rc != 0)
		return rc;
	t.header->kind = h.kind;
	t.header->epoch = h.epoch;
	atomic_store(&t.header->arena_limit_kib, h.arena_limit_kib);
	atomic_store(&t.header->log_level, h.log_level);
	atomic_store(&t.header->log_format, h.log_format);
	table_detach(&t);
	return 0;
}

int
table_make_own(int fd)
{
	struct table was;
	struct slot_header h;
	int rc;

	if (pread(fd, &h, SLOT_COMMON_BYTES, 0) != (ssize_t)SLOT_COMMON_BYTES)
		return -EPROTO;
	/* Served from already: it is not for us to do. */
	if (h.layout == SLOT_LAYOUT || h.generation != 0)
		return 0;
	rc = table_attach_any(&was, fd, 0);
	if (rc != 0)
		return rc;
	if (was.is_foreign) {
		uint64_t bytes = table_bytes(was.capacity);

		/* It is sealed against shrinking, no more. */
		if (was.bytes < bytes && ftruncate(fd, (off_t)bytes) == -1)
			rc = -errno;
		if (rc == 0)
			rc = make_own(fd, &was);
	}
	table_detach(&was);
	return rc;
}

/*
 * The copy is a plain memcpy() between two stores to the sequence word.  In
 * C11's terms a reader's copy of the same bytes at the same time is a race; it
 * is what every seqlock does, and the fences keep its result from being used.
 * After a crash in between, the journal still holds the whole body.
 */
void
table_write(struct table *t, uint32_t rec, const struct record_body *body)
{
	struct record *r = &t->records[rec];
	struct slot_header *h = t->header;
	uint32_t seq = atomic_load_explicit(&r->seq, memory_order_relaxed) | 1;
	uint32_t live = atomic_load_explicit(&h->live, memory_order_relaxed);

	live += (body->state != RECORD_FREE) - (r->body.state != RECORD_FREE);
	commit_store(&r->seq, seq);
	atomic_thread_fence(memory_order_release);
	memcpy(&r->body, body, sizeof(*body) / 2);
	crash_point(__FILE__, __LINE__);
	memcpy((uint8_t *)&r->body + sizeof(*body) / 2,
	    (const uint8_t *)body + sizeof(*body) / 2, sizeof(*body) / 2);
	commit_store(&r->seq, seq + 1);
	atomic_store_explicit(&h->live, live, memory_order_relaxed);
}

void
table_id(const struct table *t, uint32_t rec, char out[RECORD_ID_MAX + 1])
{
	const struct record_body *b = &t->records[rec].body;
	size_t len = b->id_len <= RECORD_ID_MAX ? b->id_len : RECORD_ID_MAX;
	size_t first = len <= RECORD_ID_INLINE ? len : RECORD_ID_INLINE;

	memcpy(out, b->id, first);
	memcpy(out + first, t->id_rest[rec], len - first);
	out[len] = '\0';
}

int
table_set_id_rest(struct table *t, uint32_t rec, const char *id, size_t len)
{
	uint8_t *to = t->id_rest[rec];
	uint64_t at = (uint64_t)(to - (uint8_t *)t->header);
	int rc;

	if (len <= RECORD_ID_INLINE)
		return 0;
	if (len > RECORD_ID_MAX)
		return -EINVAL;
	rc = shm_reserve(t->fd, at, len - RECORD_ID_INLINE);
	if (rc != 0)
		return rc;
	/* A reader that sees these bytes must also see that the body which
	 * they belonged to has been replaced. */
	atomic_thread_fence(memory_order_release);
	memcpy(to, id + RECORD_ID_INLINE, len - RECORD_ID_INLINE);
	return 0;
}
