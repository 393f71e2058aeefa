/* SPDX-License-Identifier: ISC */
/*
 * A table's lock-free readers (see table.h): relay and supervisor.  The writer
 * may be compromised, so that whatever is read is a guess: indexes are checked
 * before use, probes and retries are bounded, and copies are checked only
 * after they were made.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "proto/table.h"
#include "proto/table_index.h"

#define READ_TRIES 200
#define READ_SPINS 20 /* of them without giving up the CPU */
#define FIND_TRIES 8
/* With a keyed hash and a load of 3/4 at most, chains are far shorter. */
#define FIND_PROBES	4096u
#define FIND_CANDIDATES 64u

enum find_result { FIND_ABSENT, FIND_FOUND, FIND_CHANGED, FIND_BUSY };

static bool
is_printable(const char *id, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (id[i] < 0x20 || id[i] > 0x7e)
			return false;
	return true;
}

/* Makes the copy safe to use, whatever was copied. */
static void
view_check(struct record_view *v)
{
	size_t len = v->body.id_len;

	if (!table_is_sane(&v->body) || !is_printable(v->id, len)) {
		v->body.state = RECORD_FREE;
		v->body.flags = 0;
		v->body.id_len = 0;
		len = 0;
	}
	v->id[len] = '\0';
}

static void
copy_body(const struct table *t, uint32_t index, struct record_view *out)
{
	const struct record *r = &t->records[index];
	size_t len;

	memcpy(&out->body, &r->body, sizeof(out->body));
	len = out->body.id_len;
	memcpy(out->id, out->body.id, RECORD_ID_INLINE);
	/* Not touched for short ids: reading a hole would allocate it. */
	if (len > RECORD_ID_INLINE && len <= RECORD_ID_MAX)
		memcpy(out->id + RECORD_ID_INLINE, t->id_rest[index],
		    len - RECORD_ID_INLINE);
}

static int
read_record(const struct table *t, uint32_t index, struct record_view *out)
{
	const struct record *r = &t->records[index];

	for (int i = 0; i < READ_TRIES; i++) {
		uint32_t before, after;

		before = atomic_load_explicit(&r->seq, memory_order_acquire);
		if ((before & 1) == 0) {
			copy_body(t, index, out);
			atomic_thread_fence(memory_order_acquire);
			after = atomic_load_explicit(&r->seq,
			    memory_order_relaxed);
			if (before == after) {
				out->index = index;
				view_check(out);
				return 0;
			}
		}
		/* The writer may wait for this very CPU. */
		if (i >= READ_SPINS)
			sched_yield();
	}
	return -EAGAIN;
}

static bool
is_used(const struct table *t, uint32_t index)
{
	return index < t->capacity &&
	    index <
	    atomic_load_explicit(&t->header->high_water, memory_order_acquire);
}

int
table_read(const struct table *t, uint32_t index, struct record_view *out)
{
	struct record_view view;
	int rc;

	if (t->is_foreign)
		return -EAGAIN;
	if (!is_used(t, index))
		return -ENOENT;
	rc = read_record(t, index, &view);
	if (rc == 0)
		*out = view;
	return rc;
}

/* Is the record of this entry the open one of that id?  If not, the entry may
 * have been changed in between, and then the probe begins anew. */
static enum find_result
try_entry(const struct table *t, const _Atomic uint64_t *at, uint64_t entry,
    const char *id, size_t len, struct record_view *view)
{
	uint32_t rec = (uint32_t)entry - 1;

	if (is_used(t, rec)) {
		if (read_record(t, rec, view) != 0)
			return FIND_BUSY;
		if (view->body.state == RECORD_OPEN &&
		    (view->body.flags & RECORD_INDEXED) != 0 &&
		    view->body.id_len == len && memcmp(view->id, id, len) == 0)
			return FIND_FOUND;
	}
	if (atomic_load_explicit(at, memory_order_acquire) != entry)
		return FIND_CHANGED;
	return FIND_ABSENT;
}

static enum find_result
probe(const struct table *t, uint32_t word, const char *id, size_t len,
    struct record_view *view)
{
	uint32_t tag = table_tag(t, id, len), candidates = 0;
	struct table_geometry g;
	enum find_result result;

	if (!table_geometry_parse(t, word, &g))
		return FIND_BUSY;
	for (uint32_t i = 0; i < FIND_PROBES && i <= g.mask; i++) {
		const _Atomic uint64_t *at = &g.entries[(tag + i) & g.mask];
		uint64_t entry = atomic_load_explicit(at, memory_order_acquire);

		if (entry == INDEX_EMPTY)
			return FIND_ABSENT;
		if (entry >> 32 != tag || entry == INDEX_TOMBSTONE)
			continue;
		if (candidates++ == FIND_CANDIDATES)
			break;
		result = try_entry(t, at, entry, id, len, view);
		if (result != FIND_ABSENT)
			return result;
	}
	return FIND_BUSY;
}

int
table_find(const struct table *t, const char *id, size_t len,
    struct record_view *out)
{
	struct record_view view;

	if (len == 0 || len > RECORD_ID_MAX || t->capacity == 0)
		return -ENOENT;
	if (t->is_foreign)
		return -EAGAIN;
	for (int i = 0; i < FIND_TRIES; i++) {
		const _Atomic uint32_t *where = &t->header->index_word;
		uint32_t word;

		word = atomic_load_explicit(where, memory_order_acquire);
		switch (probe(t, word, id, len, &view)) {
		case FIND_FOUND:
			*out = view;
			return 0;
		case FIND_BUSY:
			return -EAGAIN;
		case FIND_CHANGED:
			break;
		case FIND_ABSENT:
			/* True only if this half was not given up meanwhile. */
			atomic_thread_fence(memory_order_acquire);
			if (atomic_load_explicit(where, memory_order_relaxed) ==
			    word)
				return -ENOENT;
			break;
		}
	}
	return -EAGAIN;
}
