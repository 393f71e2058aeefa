/* SPDX-License-Identifier: ISC */
/*
 * What a node can hold, computed from the number of file descriptors that a
 * process may have.  Pure.  A slot's keeper and tenant share one fd table, so
 * the limit bounds each slot; the shares of the slots are never exactly equal,
 * so a slot's table has room for more than the mean.
 */
#ifndef HOLDFAST_SUPERVISOR_CAPACITY_H
#define HOLDFAST_SUPERVISOR_CAPACITY_H

#include <stdint.h>

/* Fds of a slot that are no client sockets: standard fds, the directory's
 * memfds, rings and channels, the listeners, pidfds, and some to spare for
 * a moment of adoption or a handoff. */
#define CAPACITY_SLOT_OVERHEAD 64u
/* Records and fds above the capacity: who is refused for it, or asks for
 * /healthz, is a connection for a moment too. */
#define CAPACITY_SLOT_SPARE 64u

struct capacity_input {
	uint64_t nofile; /* RLIMIT_NOFILE in force */
	uint32_t slots;	 /* gateway slots, >= 1 */
	uint32_t listeners;
	uint32_t wanted; /* node.capacity */
};

struct capacity {
	uint32_t node;		/* effective, <= wanted */
	uint32_t per_slot;	/* records in each slot's table */
	uint32_t reserve;	/* fds of a slot kept for other things */
	uint64_t possible;	/* what the limit would allow the node */
	uint64_t nofile_needed; /* limit at which `wanted` would fit */
};

/* Never fails: with an absurdly low limit a slot still holds one. */
struct capacity capacity_compute(const struct capacity_input *in);

/* Arena bytes: of the whole budget, what one slot may use (a multiple of
 * ARENA_CHUNK, at least one chunk) and how large its file is. */
struct arena_share {
	uint64_t limit;
	uint64_t file;
};
struct arena_share capacity_arena(uint64_t budget, uint32_t slots);

/* Entries of a slot's part of the table of addresses: a power of two with
 * room for every connection to come from an address of its own. */
uint32_t capacity_ip_entries(uint32_t per_slot);

#endif
