/* SPDX-License-Identifier: ISC */
/*
 * Relief of the arena, see pressure.h.  The records are searched for those with
 * the most output waiting, a few at a time, so that the search is paid for by
 * what it frees.  A victim is ended without a close frame: that would have to
 * wait behind the very bytes that must go.
 */
#include "worker/gateway/pressure.h"

#include <string.h>

#include "lib/log.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/gateway.h"

#define HIGH_PERCENT   94u
#define ENOUGH_PERCENT 85u
#define VICTIMS	       32u

struct victim {
	uint32_t rec;
	uint32_t bytes;
};

static bool
is_above(const struct gateway *g, uint64_t need, uint32_t percent)
{
	return arena_used(g->arena) + need >
	    arena_limit(g->arena) / 100 * percent;
}

/* Keeps the list sorted, the largest first. */
static uint32_t
victim_add(struct victim *list, uint32_t count, uint32_t rec, uint32_t bytes)
{
	uint32_t i = count < VICTIMS ? count++ : VICTIMS - 1;

	if (i == VICTIMS - 1 && count == VICTIMS && list[i].bytes >= bytes)
		return count;
	for (; i > 0 && list[i - 1].bytes < bytes; i--)
		list[i] = list[i - 1];
	list[i] = (struct victim){ rec, bytes };
	return count;
}

static uint32_t
find_victims(const struct gateway *g, struct victim list[VICTIMS])
{
	uint32_t high = atomic_load_explicit(&g->slot->high_water,
	    memory_order_relaxed);
	uint32_t count = 0;

	memset(list, 0, VICTIMS * sizeof(*list));
	for (uint32_t rec = 0; rec < high; rec++) {
		const struct record_body *b = &g->table.records[rec].body;
		const struct record_busy *busy;

		if (b->state == RECORD_FREE || b->busy == 0 ||
		    !(b->flags & RECORD_WANT_OUT))
			continue;
		busy = arena_at(g->arena, b->busy);
		if (busy->out_ref != 0)
			count = victim_add(list, count, rec, busy->out_cap);
	}
	return count;
}

uint64_t
pressure_need(const struct gateway *g, uint32_t rec, uint64_t n)
{
	const struct record_body *b = &g->table.records[rec].body;
	const struct record_busy *busy;

	if (b->busy == 0)
		return n;
	busy = arena_at(g->arena, b->busy);
	if (busy->out_ref == 0 || n <= busy->out_cap - busy->out_len)
		return 0;
	/* It moves to a larger block, and both exist for a moment. */
	return (busy->out_len + n) + (busy->out_len + n) / 2;
}

void
pressure_relieve(struct gateway *g, uint64_t need)
{
	struct victim list[VICTIMS];
	uint32_t count, closed = 0;

	/* A giant must not drive everybody else out. */
	if (need > arena_limit(g->arena) / 4)
		need = arena_limit(g->arena) / 4;
	if (!is_above(g, need, HIGH_PERCENT))
		return;
	count = find_victims(g, list);
	for (uint32_t i = 0; i < count && is_above(g, need, ENOUGH_PERCENT);
	     i++) {
		conn_kill(g, list[i].rec, COUNTER_CLOSE_SLOW);
		closed++;
	}
	if (closed > 0)
		log_warn("memory_short", "the slowest consumers are closed",
		    log_uint("closed", closed),
		    log_uint("used", arena_used(g->arena)),
		    log_uint("limit", arena_limit(g->arena)));
}
