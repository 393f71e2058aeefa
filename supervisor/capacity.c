/* SPDX-License-Identifier: ISC */
/*
 * Capacity of a node (see capacity.h).
 */
#include "supervisor/capacity.h"

#include "proto/arena.h"

/* The arena names blocks with 32 bits, but a file of more than this buys
 * nothing and frightens those who read its size. */
#define ARENA_FILE_MAX (4ull << 30)

struct capacity
capacity_compute(const struct capacity_input *in)
{
	struct capacity out = { 0 };
	uint64_t room, slots = in->slots == 0 ? 1 : in->slots;

	out.reserve = CAPACITY_SLOT_OVERHEAD + CAPACITY_SLOT_SPARE +
	    in->listeners;
	room = in->nofile > out.reserve ? in->nofile - out.reserve : 1;
	/* The node's figure is bounded by what one number can say. */
	if (room > UINT32_MAX / slots)
		room = UINT32_MAX / slots;
	out.possible = room * slots;
	out.node = in->wanted < out.possible ? in->wanted :
					       (uint32_t)out.possible;
	out.per_slot = in->wanted < room ? in->wanted : (uint32_t)room;
	out.per_slot += CAPACITY_SLOT_SPARE;
	out.nofile_needed = (in->wanted + slots - 1) / slots + out.reserve;
	return out;
}

struct arena_share
capacity_arena(uint64_t budget, uint32_t slots)
{
	struct arena_share share;
	uint64_t file = budget;

	share.limit = budget / (slots == 0 ? 1 : slots);
	share.limit -= share.limit % ARENA_CHUNK;
	if (share.limit == 0)
		share.limit = ARENA_CHUNK;
	if (file > ARENA_FILE_MAX)
		file = ARENA_FILE_MAX;
	file -= file % ARENA_CHUNK;
	if (share.limit > ARENA_FILE_MAX)
		share.limit = ARENA_FILE_MAX;
	share.file = file < share.limit ? share.limit : file;
	return share;
}

uint32_t
capacity_ip_entries(uint32_t per_slot)
{
	uint32_t entries = 1024;

	while (entries < (1u << 22) && entries / 2 < per_slot)
		entries *= 2;
	return entries;
}
