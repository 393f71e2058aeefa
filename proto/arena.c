/* SPDX-License-Identifier: ISC */
/*
 * The arena's blocks (see arena.h): a bitmap for each chunk of small blocks
 * and, per size class, a list of the chunks that have room.  A reference is the
 * block's offset in units plus one, so that 0 is never valid and no page is
 * wasted for that.
 */
#include "proto/arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/arena_chunk.h"
#include "proto/shm.h"

static uint32_t
class_of(uint32_t bytes)
{
	if (bytes <= ARENA_UNIT)
		return 0;
	return 32 - (uint32_t)__builtin_clz(bytes - 1) - UNIT_SHIFT;
}

static uint32_t
class_bytes(uint32_t class)
{
	return ARENA_UNIT << class;
}

static uint32_t
class_blocks(uint32_t class)
{
	return ARENA_CHUNK >> (UNIT_SHIFT + class);
}

static uint64_t *
chunk_words(struct chunk *c)
{
	return class_blocks(c->class) > 64 ? c->map.words : &c->map.word;
}

struct arena *
arena_new(int fd, uint64_t bytes, uint64_t limit)
{
	struct arena *a;
	uint64_t file;
	void *p;

	if (bytes == 0 || bytes % ARENA_CHUNK != 0 ||
	    bytes >> CHUNK_SHIFT > 1u << 16)
		return NULL;
	if (shm_size(fd, &file) != 0 || file < bytes)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->fd = fd;
	a->bytes = bytes;
	a->limit = limit;
	a->chunks = (uint32_t)(bytes >> CHUNK_SHIFT);
	for (uint32_t i = 0; i < CLASSES; i++)
		a->room[i] = NO_CHUNK;
	a->chunk = calloc(a->chunks, sizeof(*a->chunk));
	a->in_use = calloc((a->chunks + 63) / 64, sizeof(*a->in_use));
	if (a->chunk == NULL || a->in_use == NULL ||
	    shm_map(fd, bytes, 1, &p) != 0) {
		free(a->chunk);
		free(a->in_use);
		free(a);
		return NULL;
	}
	a->base = p;
	return a;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	for (uint32_t i = 0; i < a->chunks; i++) {
		struct chunk *c = &a->chunk[i];

		if (c->use == CHUNK_BLOCKS && class_blocks(c->class) > 64)
			free(c->map.words);
	}
	munmap(a->base, a->bytes);
	free(a->chunk);
	free(a->in_use);
	free(a);
}

/* ---- chunks ------------------------------------------------------------- */

static void
room_add(struct arena *a, uint32_t i)
{
	struct chunk *c = &a->chunk[i];

	c->prev = NO_CHUNK;
	c->next = a->room[c->class];
	if (c->next != NO_CHUNK)
		a->chunk[c->next].prev = i;
	a->room[c->class] = i;
}

static void
room_remove(struct arena *a, uint32_t i)
{
	struct chunk *c = &a->chunk[i];

	if (c->prev != NO_CHUNK)
		a->chunk[c->prev].next = c->next;
	else
		a->room[c->class] = c->next;
	if (c->next != NO_CHUNK)
		a->chunk[c->next].prev = c->prev;
}

/* Makes a free chunk one of blocks of a class. */
static int
chunk_begin_blocks(struct arena *a, uint32_t i, uint32_t class)
{
	struct chunk *c = &a->chunk[i];
	uint64_t *words = NULL;
	int rc;

	if (class_blocks(class) > 64) {
		words = calloc(class_blocks(class) / 64, sizeof(*words));
		if (words == NULL)
			return -ENOMEM;
	}
	rc = arena_chunk_claim(a, i, 1);
	if (rc != 0) {
		free(words);
		return rc;
	}
	c->use = CHUNK_BLOCKS;
	c->class = (uint8_t) class;
	c->count = 0;
	if (words != NULL)
		c->map.words = words;
	else
		c->map.word = 0;
	room_add(a, i);
	return 0;
}

static void
chunk_end_blocks(struct arena *a, uint32_t i)
{
	struct chunk *c = &a->chunk[i];

	room_remove(a, i);
	if (class_blocks(c->class) > 64)
		free(c->map.words);
	arena_chunk_give_back(a, i, 1);
}

/* ---- blocks ------------------------------------------------------------- */

static uint32_t
ref_make(uint32_t chunk, uint32_t class, uint32_t block)
{
	return (chunk << (CHUNK_SHIFT - UNIT_SHIFT)) + (block << class) + 1;
}

static uint32_t
take_block(struct arena *a, uint32_t i)
{
	struct chunk *c = &a->chunk[i];
	uint32_t blocks = class_blocks(c->class);
	uint64_t *words = chunk_words(c);
	uint32_t w = 0, bit;

	/* A chunk in the list has room: a zero bit exists. */
	while (words[w] == UINT64_MAX)
		w++;
	bit = (uint32_t)__builtin_ctzll(~words[w]);
	words[w] |= UINT64_C(1) << bit;
	if (++c->count == blocks)
		room_remove(a, i);
	return ref_make(i, c->class, w * 64 + bit);
}

static bool
is_within_limit(const struct arena *a, uint32_t count)
{
	return ((uint64_t)a->used + count) << CHUNK_SHIFT <= a->limit;
}

static int
alloc_block(struct arena *a, uint32_t class, uint32_t *out_ref)
{
	uint32_t i = a->room[class];
	int rc;

	if (i == NO_CHUNK) {
		if (!is_within_limit(a, 1))
			return -ENOMEM;
		i = arena_chunk_find(a);
		if (i == NO_CHUNK)
			return -ENOMEM;
		rc = chunk_begin_blocks(a, i, class);
		if (rc != 0)
			return rc;
	}
	*out_ref = take_block(a, i);
	return 0;
}

static int
alloc_run(struct arena *a, uint32_t bytes, uint32_t *out_ref, uint32_t *out_cap)
{
	uint32_t count, i;
	int rc;

	count = (uint32_t)(((uint64_t)bytes + ARENA_CHUNK - 1) >> CHUNK_SHIFT);
	if (count > a->chunks || count > UINT32_MAX >> CHUNK_SHIFT ||
	    !is_within_limit(a, count))
		return -ENOMEM;
	i = arena_chunk_find_run(a, count);
	if (i == NO_CHUNK)
		return -ENOMEM;
	rc = arena_chunk_claim(a, i, count);
	if (rc != 0)
		return rc;
	a->chunk[i].use = CHUNK_RUN;
	a->chunk[i].count = count;
	*out_ref = ref_make(i, 0, 0);
	*out_cap = count << CHUNK_SHIFT;
	return 0;
}

int
arena_alloc(struct arena *a, uint32_t bytes, uint32_t *out_ref,
    uint32_t *out_cap)
{
	uint32_t class;
	int rc;

	if (bytes > CLASS_MAX)
		return alloc_run(a, bytes, out_ref, out_cap);
	class = class_of(bytes);
	rc = alloc_block(a, class, out_ref);
	if (rc == 0)
		*out_cap = class_bytes(class);
	return rc;
}

/* Where (ref, cap) would be if it were a block: its chunk, its class and its
 * number there, or its count of chunks.  False: no such block can exist. */
struct place {
	uint32_t chunk;
	uint32_t class; /* CLASSES: a run */
	uint32_t block;
	uint32_t count;
};

static bool
place_parse(const struct arena *a, uint32_t ref, uint32_t cap,
    struct place *out)
{
	uint64_t offset, in_chunk;

	if (ref == 0 || cap < ARENA_UNIT)
		return false;
	offset = (uint64_t)(ref - 1) << UNIT_SHIFT;
	if (offset >= a->bytes || cap > a->bytes - offset)
		return false;
	in_chunk = offset & (ARENA_CHUNK - 1);
	out->chunk = (uint32_t)(offset >> CHUNK_SHIFT);
	if (cap > CLASS_MAX) {
		out->class = CLASSES;
		out->block = 0;
		out->count = cap >> CHUNK_SHIFT;
		return in_chunk == 0 && cap % ARENA_CHUNK == 0;
	}
	out->class = class_of(cap);
	out->block = (uint32_t)(in_chunk >> (UNIT_SHIFT + out->class));
	out->count = 1;
	return class_bytes(out->class) == cap && in_chunk % cap == 0;
}

static bool
is_live(struct arena *a, const struct place *at)
{
	struct chunk *c = &a->chunk[at->chunk];

	if (at->class == CLASSES)
		return c->use == CHUNK_RUN && c->count == at->count;
	return c->use == CHUNK_BLOCKS && c->class == at->class &&
	    (chunk_words(c)[at->block / 64] >> (at->block % 64) & 1) != 0;
}

void
arena_release(struct arena *a, uint32_t ref, uint32_t cap)
{
	struct place at;
	struct chunk *c;

	/* To free what is not allocated would hand one client's bytes to
	 * another later.  A successor rebuilds this state from the records. */
	if (!place_parse(a, ref, cap, &at) || !is_live(a, &at))
		abort();
	if (at.class == CLASSES) {
		arena_chunk_give_back(a, at.chunk, at.count);
		return;
	}
	c = &a->chunk[at.chunk];
	chunk_words(c)[at.block / 64] &= ~(UINT64_C(1) << (at.block % 64));
	if (c->count-- == class_blocks(c->class))
		room_add(a, at.chunk);
	if (c->count == 0)
		chunk_end_blocks(a, at.chunk);
}

/* ---- adoption ----------------------------------------------------------- */

static int
mark_run(struct arena *a, const struct place *at)
{
	int rc;

	for (uint32_t i = at->chunk; i < at->chunk + at->count; i++)
		if (arena_chunk_is_in_use(a, i))
			return -EINVAL;
	rc = arena_chunk_claim(a, at->chunk, at->count);
	if (rc != 0)
		return rc;
	a->chunk[at->chunk].use = CHUNK_RUN;
	a->chunk[at->chunk].count = at->count;
	return 0;
}

int
arena_mark(struct arena *a, uint32_t ref, uint32_t cap)
{
	struct place at;
	struct chunk *c;
	int rc;

	if (!place_parse(a, ref, cap, &at))
		return -EINVAL;
	if (at.class == CLASSES)
		return mark_run(a, &at);
	c = &a->chunk[at.chunk];
	if (c->use == CHUNK_FREE) {
		rc = chunk_begin_blocks(a, at.chunk, at.class);
		if (rc != 0)
			return rc;
	}
	if (c->use != CHUNK_BLOCKS || c->class != at.class || is_live(a, &at))
		return -EINVAL;
	chunk_words(c)[at.block / 64] |= UINT64_C(1) << (at.block % 64);
	if (++c->count == class_blocks(c->class))
		room_remove(a, at.chunk);
	return 0;
}

void *
arena_at(const struct arena *a, uint32_t ref)
{
	return a->base + ((uint64_t)(ref - 1) << UNIT_SHIFT);
}

uint64_t
arena_used(const struct arena *a)
{
	return (uint64_t)a->used << CHUNK_SHIFT;
}

uint64_t
arena_limit(const struct arena *a)
{
	return a->limit;
}

void
arena_set_limit(struct arena *a, uint64_t limit)
{
	a->limit = limit;
}
