/* SPDX-License-Identifier: ISC */
/*
 * What only the tenant of a table has (see table.h): the list of free records,
 * four bytes for each, kept as a heap so that the lowest goes first and the
 * records in use stay close together; and adoption, which rebuilds it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "proto/shm.h"
#include "proto/table.h"
#include "proto/table_index.h"

#define FREE_MIN 64u

/* ---- free records ------------------------------------------------------- */

static int
free_resize(struct table *t, uint32_t room)
{
	uint32_t *list = realloc(t->free_list, room * sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	t->free_list = list;
	t->free_room = room;
	return 0;
}

static int
free_push(struct table *t, uint32_t rec)
{
	uint32_t *heap, i, parent;

	if (t->free_count == t->free_room) {
		int rc = free_resize(t,
		    t->free_room > 0 ? 2 * t->free_room : FREE_MIN);

		if (rc != 0)
			return rc;
	}
	heap = t->free_list;
	for (i = t->free_count++; i > 0; i = parent) {
		parent = (i - 1) / 2;
		if (heap[parent] <= rec)
			break;
		heap[i] = heap[parent];
	}
	heap[i] = rec;
	return 0;
}

static uint32_t
free_pop(struct table *t)
{
	uint32_t *heap = t->free_list;
	uint32_t lowest = heap[0], last = heap[--t->free_count];
	uint32_t i = 0, child;

	for (child = 1; child < t->free_count; child = 2 * i + 1) {
		if (child + 1 < t->free_count && heap[child + 1] < heap[child])
			child++;
		if (last <= heap[child])
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	if (t->free_room > FREE_MIN && t->free_count < t->free_room / 4)
		(void)free_resize(t, t->free_room / 2);
	return lowest;
}

/* How many records have their pages, when those of `count` were allocated. */
static uint32_t
reserved_for(const struct table *t, uint32_t count)
{
	uint64_t bytes = (uint64_t)count * sizeof(struct record);
	uint64_t reserved;

	bytes = (bytes + TABLE_RESERVE_STEP - 1) / TABLE_RESERVE_STEP *
	    TABLE_RESERVE_STEP;
	reserved = bytes / sizeof(struct record);
	return reserved < t->capacity ? (uint32_t)reserved : t->capacity;
}

/* Allocates the pages up to the step's end in which record `rec` ends. */
static int
reserve_for(struct table *t, uint32_t rec)
{
	uint64_t base, from, to, end;
	int rc;

	base = (uint64_t)((uint8_t *)t->records - (uint8_t *)t->header);
	from = (uint64_t)t->reserved * sizeof(struct record);
	from = from / SHM_PAGE * SHM_PAGE;
	to = ((uint64_t)rec + 1) * sizeof(struct record);
	to = (to + TABLE_RESERVE_STEP - 1) / TABLE_RESERVE_STEP *
	    TABLE_RESERVE_STEP;
	end = shm_round((uint64_t)t->capacity * sizeof(struct record));
	if (to > end)
		to = end;
	rc = shm_reserve(t->fd, base + from, to - from);
	if (rc == 0)
		t->reserved = reserved_for(t, rec + 1);
	return rc;
}

int
table_take_free(struct table *t, uint32_t *out_rec)
{
	uint32_t next;
	int rc;

	if (t->free_count > 0) {
		*out_rec = free_pop(t);
		return 0;
	}
	next = atomic_load_explicit(&t->header->high_water,
	    memory_order_relaxed);
	if (next >= t->capacity)
		return -ENOSPC;
	if (next >= t->reserved) {
		rc = reserve_for(t, next);
		if (rc != 0)
			return rc;
	}
	commit_store(&t->header->high_water, next + 1);
	*out_rec = next;
	return 0;
}

void
table_give_back(struct table *t, uint32_t rec)
{
	/* Without memory for the list the record rests until the next tenant
	 * finds it free. */
	(void)free_push(t, rec);
}

/* ---- adoption ----------------------------------------------------------- */

static int
adopt_records(struct table *t, uint32_t high_water)
{
	uint32_t live = 0;
	int rc;

	t->free_count = 0;
	for (uint32_t i = 0; i < high_water; i++) {
		struct record *r = &t->records[i];
		uint32_t seq;

		seq = atomic_load_explicit(&r->seq, memory_order_relaxed);
		if ((seq & 1) != 0)
			commit_store(&r->seq, seq + 1);
		if (r->body.state != RECORD_FREE) {
			live++;
			continue;
		}
		rc = free_push(t, i);
		if (rc != 0)
			return rc;
	}
	atomic_store_explicit(&t->header->live, live, memory_order_relaxed);
	return 0;
}

/* All records are looked at: one call instead of a fault for each page. */
static void
populate(struct table *t, uint32_t high_water)
{
	uint64_t from = (uint64_t)((uint8_t *)t->records -
	    (uint8_t *)t->header);
	uint64_t end = from + (uint64_t)high_water * sizeof(struct record);

	from = from / SHM_PAGE * SHM_PAGE;
	if (end > from)
		(void)madvise((uint8_t *)t->header + from, end - from,
		    MADV_POPULATE_WRITE);
}

int
table_adopt(struct table *t, void (*on_bad)(uint32_t rec, void *arg), void *arg)
{
	uint32_t high_water;
	int rc;

	high_water = atomic_load_explicit(&t->header->high_water,
	    memory_order_relaxed);
	if (high_water > t->capacity) {
		high_water = t->capacity;
		commit_store(&t->header->high_water, high_water);
	}
	t->reserved = reserved_for(t, high_water);
	populate(t, high_water);
	rc = adopt_records(t, high_water);
	if (rc == 0 && t->capacity > 0)
		rc = table_index_repair(t, high_water);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < high_water; i++)
		if (on_bad != NULL && !table_is_sane(&t->records[i].body))
			on_bad(i, arg);
	return 0;
}
