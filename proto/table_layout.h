/* SPDX-License-Identifier: ISC */
/*
 * How versions of holdfast lay out a slot's table.  A version knows its own
 * layout and that of the version before it, so that a slot can move to it in
 * an upgrade, and back when that is undone.  What is common to all of them is
 * said in proto/slot.h; what a record refers to, the blocks of the arena, is no
 * part of the table and the same for all.
 */
#ifndef HOLDFAST_PROTO_TABLE_LAYOUT_H
#define HOLDFAST_PROTO_TABLE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/table.h"

/*
 * Reading gives this version's structs.  What the other layout does not have
 * stays as it is in them, the value of a fresh table; what it cannot hold is
 * -ENOTSUP, and nothing moves.
 */
struct table_layout {
	uint32_t layout;     /* SLOT_LAYOUT of that version */
	uint32_t id_inline;  /* bytes of a client id that are in the record */
	uint32_t scratch_in; /* bytes; out follows it */
	uint32_t scratch_out;
	uint64_t scratch_at;
	uint64_t (*bytes)(uint32_t capacity);
	uint64_t (*record_at)(uint32_t capacity, uint32_t rec);
	uint64_t (*rest_at)(uint32_t capacity, uint32_t rec);
	/* Behind the common part, without index, fds and the processes' own
	 * words. */
	int (*read_header)(const void *from, struct slot_header *to);
	int (*write_header)(const struct slot_header *from, void *to);
	int (*read_record)(const void *from, struct record_body *to);
	int (*write_record)(const struct record_body *from, void *to);
};

#define TABLE_LAYOUTS_MAX 8

extern const struct table_layout table_layout_own;

/* Of those that this version reads and writes; NULL: no such. */
const struct table_layout *table_layout_find(uint32_t layout);
/* All of them, own first, at most TABLE_LAYOUTS_MAX; the count. */
int table_layout_list(uint32_t *out);

/* Can slots move between this version and one with the layout `theirs` that
 * reads and writes `known`, too? */
bool table_layout_meets(uint32_t theirs, const uint32_t *known, size_t count);

#ifdef HOLDFAST_KNOWS_OLDER
/* Test builds: a version that never was (tests/layout). */
extern const struct table_layout table_layout_older;
#endif

#endif
