/* SPDX-License-Identifier: ISC */
/*
 * The inside of a table's index, for the files that make up proto/table.h: what
 * an entry and the geometry word look like, and the writer's steps that
 * adoption needs beyond the public ones.
 */
#ifndef HOLDFAST_PROTO_TABLE_INDEX_H
#define HOLDFAST_PROTO_TABLE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/table.h"

/* An entry: tag << 32 | record + 1. */
#define INDEX_EMPTY	UINT64_C(0)
#define INDEX_TOMBSTONE UINT64_MAX
#define INDEX_MIN_LOG2	9u /* one page */
#define INDEX_NOWHERE	UINT32_MAX

struct table_geometry {
	_Atomic uint64_t *entries;
	uint32_t half;
	uint32_t log2;
	uint32_t mask;
};

static inline uint64_t
table_entry(uint32_t tag, uint32_t rec)
{
	return (uint64_t)tag << 32 | (rec + 1);
}

/* False: the word makes no sense. */
static inline bool
table_geometry_parse(const struct table *t, uint32_t word,
    struct table_geometry *out)
{
	out->half = word >> 31;
	out->log2 = word & 0xff;
	if (out->log2 < INDEX_MIN_LOG2 || out->log2 > t->max_index_log2)
		return false;
	out->entries = t->index[out->half];
	out->mask = (1u << out->log2) - 1;
	return true;
}

/* The tag gives an entry's place in an index of any size, so that growing
 * needs no id. */
static inline uint32_t
table_tag(const struct table *t, const char *id, size_t len)
{
	return (uint32_t)(hash_bytes(&t->key, id, len) >> 32);
}

/* Could this body be a connection's, and is it one to be found by its id? */
static inline bool
table_is_sane(const struct record_body *b)
{
	return b->state < RECORD_STATE_MAX && b->id_len <= RECORD_ID_MAX &&
	    ((b->flags & RECORD_INDEXED) == 0 || b->id_len > 0);
}

static inline bool
table_is_indexable(const struct record_body *b)
{
	return table_is_sane(b) && (b->flags & RECORD_INDEXED) != 0 &&
	    (b->state == RECORD_OPEN || b->state == RECORD_CLOSING);
}

uint32_t table_max_index_log2(uint32_t capacity);
/* Adoption: clears what is wrong in the index and enters what is missing. */
int table_index_repair(struct table *, uint32_t high_water);

#endif
