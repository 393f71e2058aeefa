/* SPDX-License-Identifier: ISC */
/*
 * The shared memory of a slot: table, arena and rings in memfds that cannot
 * shrink, eventfds, and the supervisor's own mapping of table and rings.
 * Everything but the mapping is only handed on.
 */
#ifndef HOLDFAST_SLOT_SLOT_MEMORY_H
#define HOLDFAST_SLOT_SLOT_MEMORY_H

#include <stdint.h>

#include "proto/ring.h"
#include "proto/slot.h"
#include "proto/table.h"

struct slot_memory {
	int table_fd; /* all owned, -1: none */
	int arena_fd;
	int ring_up_fd;
	int ring_up_event;
	int ring_down_fd;
	int ring_down_event;
	struct table table; /* header NULL: not mapped */
	struct ring ring_up;
	struct ring ring_down;
};

struct slot_memory_spec {
	enum slot_kind kind;
	uint32_t slot;
	uint32_t capacity; /* records; relay 0 */
	uint32_t epoch;	   /* how many times this slot was started empty */
	uint64_t arena_file;
	uint64_t arena_limit;
	uint64_t nonce;
	const uint8_t *hash_key;
};

void slot_memory_init(struct slot_memory *memory);
/* -errno, with nothing left open. */
int slot_memory_open(struct slot_memory *memory,
    const struct slot_memory_spec *spec);
/* A fresh table beside the arena and rings of `from`, for the one that takes
 * its slot over. */
int slot_memory_succeed(struct slot_memory *memory,
    const struct slot_memory *from, const struct slot_memory_spec *spec);
void slot_memory_close(struct slot_memory *memory);

/* NULL: no table is mapped, or it is another version's, of which no more than
 * the common part of its header is known. */
const struct counters *slot_memory_counters(const struct slot_memory *memory);
/* So many records may be in use; 0 without a table that can be read. */
uint32_t slot_memory_records(const struct slot_memory *memory);

#endif
