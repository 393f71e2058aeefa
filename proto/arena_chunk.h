/* SPDX-License-Identifier: ISC */
/*
 * The chunks of an arena: which are in use, which free ones keep their pages.
 * Internal to the allocator: arena.c makes blocks of them.
 */
#ifndef HOLDFAST_PROTO_ARENA_CHUNK_H
#define HOLDFAST_PROTO_ARENA_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/arena.h"

#define CHUNK_SHIFT 16
#define UNIT_SHIFT  6
#define CLASSES	    10 /* 64 bytes to 32 KiB */
#define CLASS_MAX   (ARENA_CHUNK / 2)
#define KEEP_FREE   8 /* free chunks that keep their pages */
#define NO_CHUNK    UINT32_MAX

_Static_assert(ARENA_CHUNK == 1u << CHUNK_SHIFT, "chunk size");
_Static_assert(ARENA_UNIT == 1u << UNIT_SHIFT, "unit size");

enum chunk_use { CHUNK_FREE, CHUNK_BLOCKS, CHUNK_RUN, CHUNK_RUN_REST };

/* All zero: free, so that the array of a large arena costs no memory. */
struct chunk {
	uint8_t use;   /* enum chunk_use */
	uint8_t class; /* CHUNK_BLOCKS */
	uint8_t has_pages;
	uint8_t unused;
	uint32_t count; /* blocks in use, or chunks of the run */
	uint32_t prev;	/* in the list of its class, while it has room */
	uint32_t next;
	union {
		uint64_t word;	 /* up to 64 blocks; a bit set: in use */
		uint64_t *words; /* owned; more than 64 */
	} map;
};

struct arena {
	int fd; /* borrowed */
	uint32_t chunks;
	uint8_t *base;
	uint64_t bytes;
	uint64_t limit;
	uint32_t used; /* chunks */
	uint32_t keep_count;
	uint32_t keep[KEEP_FREE]; /* free chunks that have pages */
	uint32_t room[CLASSES];	  /* heads of lists of chunks with room */
	uint32_t first_free;	  /* no lower chunk is free */
	uint64_t *in_use;	  /* owned; a bit per chunk */
	struct chunk *chunk;	  /* owned */
};

static inline bool
arena_chunk_is_in_use(const struct arena *a, uint32_t i)
{
	return (a->in_use[i / 64] >> (i % 64) & 1) != 0;
}

/* Marks a run of free chunks as in use and gives it pages: 0, -ENOMEM. */
int arena_chunk_claim(struct arena *, uint32_t first, uint32_t count);
void arena_chunk_give_back(struct arena *, uint32_t first, uint32_t count);

/* The lowest run of free chunks, or NO_CHUNK. */
uint32_t arena_chunk_find_run(const struct arena *, uint32_t count);
/* One chunk: the lowest that has pages already, or else the lowest. */
uint32_t arena_chunk_find(const struct arena *);

#endif
