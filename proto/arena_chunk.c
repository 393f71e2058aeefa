/* SPDX-License-Identifier: ISC */
/*
 * The arena's chunks (see arena_chunk.h).  Low chunks come first, so that the
 * file stays compact; a few free ones keep their pages, so that a busy slot
 * does not ask the kernel for the same page over and over.
 */
#include "proto/arena_chunk.h"

#include <string.h>

#include "proto/shm.h"

static void
punch_chunks(struct arena *a, uint32_t first, uint32_t count)
{
	/* Should it fail, the pages stay: they are zeroed by nobody and are
	 * used again with the chunk. */
	(void)shm_punch(a->fd, (uint64_t)first << CHUNK_SHIFT,
	    (uint64_t)count << CHUNK_SHIFT);
}

/* Takes a chunk out of the little store of free ones that have pages. */
static void
keep_remove(struct arena *a, uint32_t i)
{
	for (uint32_t k = 0; k < a->keep_count; k++) {
		if (a->keep[k] != i)
			continue;
		a->keep[k] = a->keep[--a->keep_count];
		a->chunk[i].has_pages = 0;
		return;
	}
}

static void
keep_drop_all(struct arena *a)
{
	while (a->keep_count > 0) {
		uint32_t i = a->keep[a->keep_count - 1];

		keep_remove(a, i);
		punch_chunks(a, i, 1);
	}
}

/* Kept pages count toward the limit only until somebody needs them. */
int
arena_chunk_claim(struct arena *a, uint32_t first, uint32_t count)
{
	int rc;

	if (((uint64_t)a->used + a->keep_count + count) << CHUNK_SHIFT >
		a->limit &&
	    !(count == 1 && a->chunk[first].has_pages))
		keep_drop_all(a);
	if (!(count == 1 && a->chunk[first].has_pages)) {
		rc = shm_reserve(a->fd, (uint64_t)first << CHUNK_SHIFT,
		    (uint64_t)count << CHUNK_SHIFT);
		if (rc != 0)
			return rc;
	}
	for (uint32_t i = first; i < first + count; i++) {
		if (a->chunk[i].has_pages)
			keep_remove(a, i);
		a->in_use[i / 64] |= UINT64_C(1) << (i % 64);
		a->chunk[i].use = CHUNK_RUN_REST;
	}
	a->used += count;
	while (a->first_free < a->chunks &&
	    arena_chunk_is_in_use(a, a->first_free))
		a->first_free++;
	return 0;
}

void
arena_chunk_give_back(struct arena *a, uint32_t first, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = first; i < first + count; i++) {
		struct chunk *c = &a->chunk[i];

		memset(c, 0, sizeof(*c));
		a->in_use[i / 64] &= ~(UINT64_C(1) << (i % 64));
		if (i == first + kept && a->keep_count < KEEP_FREE) {
			a->keep[a->keep_count++] = i;
			c->has_pages = 1;
			kept++;
		}
	}
	if (kept < count)
		punch_chunks(a, first + kept, count - kept);
	a->used -= count;
	if (first < a->first_free)
		a->first_free = first;
}

uint32_t
arena_chunk_find_run(const struct arena *a, uint32_t count)
{
	uint32_t i = a->first_free, length = 0;

	while (i < a->chunks) {
		if (i % 64 == 0 && a->in_use[i / 64] == UINT64_MAX) {
			length = 0;
			i += 64;
			continue;
		}
		length = arena_chunk_is_in_use(a, i) ? 0 : length + 1;
		i++;
		if (length == count)
			return i - count;
	}
	return NO_CHUNK;
}

uint32_t
arena_chunk_find(const struct arena *a)
{
	uint32_t best = NO_CHUNK;

	for (uint32_t k = 0; k < a->keep_count; k++)
		if (a->keep[k] < best)
			best = a->keep[k];
	return best != NO_CHUNK ? best : arena_chunk_find_run(a, 1);
}

void
arena_trim(struct arena *a)
{
	uint32_t first = a->first_free;

	keep_drop_all(a);
	while (first < a->chunks) {
		uint32_t end = first;

		while (end < a->chunks && !arena_chunk_is_in_use(a, end))
			end++;
		if (end > first)
			punch_chunks(a, first, end - first);
		first = end + 1;
	}
}
