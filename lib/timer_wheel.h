/* SPDX-License-Identifier: ISC */
/*
 * A coarse timer wheel for very many timers. A node is 12 bytes inside the
 * caller's own array of records and is named by the record's index, so timers
 * cost no allocation and survive a move of the array. The heads are in the
 * wheel, in private memory: after a crash the next process starts a new wheel
 * and sets every timer again. set and cancel are O(1). Pure.
 *
 * Times are milliseconds modulo 2^32 (pass (uint32_t)clock_mono_ms()); a due
 * time lies less than 2^31 ms (24 days) ahead. A timer fires never before it is
 * due and at most one tick after, given that advance is called. Timers further
 * ahead than a turn of the wheel (TIMER_WHEEL_SLOTS ticks) stay in their slot
 * and are looked at once a turn.
 */
#ifndef HOLDFAST_LIB_TIMER_WHEEL_H
#define HOLDFAST_LIB_TIMER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_NONE	    0xffffffffu
#define TIMER_MAX_INDEX	    0x7fffffffu /* indexes are below this */
#define TIMER_WHEEL_SLOTS   1024u	/* a power of two */
#define TIMER_WHEEL_TICK_MS 64u		/* what there is no reason to change */

/* Not armed: next == prev == TIMER_NONE. All fields belong to the wheel. */
struct timer_node {
	uint32_t next;
	uint32_t prev; /* an index, or the high bit and a slot */
	uint32_t due;
};

struct timer_wheel {
	unsigned char *base; /* borrowed: node 0's record */
	size_t stride;
	uint32_t tick_ms;
	uint32_t next_ms; /* time of the next tick to be looked at */
	uint32_t next_slot;
	uint32_t armed; /* how many nodes are armed */
	/* One head more: the list that an advance is working through. */
	uint32_t heads[TIMER_WHEEL_SLOTS + 1];
	uint64_t filled[TIMER_WHEEL_SLOTS / 64];
};

/* May set and cancel any node, its own (not armed any more) included. */
typedef void timer_wheel_cb(uint32_t index, void *arg);

/*
 * An empty wheel over nodes at base + index * stride + node_offset. Nodes are
 * not touched: each must be given to timer_wheel_reset() before its first use
 * (what it holds may be from another process's wheel).
 */
void timer_wheel_init(struct timer_wheel *wheel, void *base, size_t stride,
    size_t node_offset, uint32_t tick_ms, uint32_t now_ms);

/* The array has moved. node_offset as in init. */
void timer_wheel_rebase(struct timer_wheel *wheel, void *base, size_t stride,
    size_t node_offset);

/* Makes a node of unknown content a node that is not armed. */
void timer_wheel_reset(struct timer_wheel *wheel, uint32_t index);

/* Arms, or arms anew. A due time that has passed fires at the next tick. */
void timer_wheel_set(struct timer_wheel *wheel, uint32_t index,
    uint32_t due_ms);

/* Nothing happens when it is not armed. */
void timer_wheel_cancel(struct timer_wheel *wheel, uint32_t index);

bool timer_wheel_is_armed(const struct timer_wheel *wheel, uint32_t index);

/*
 * Fires what is due, at most max_fires of them; the rest fires in the next
 * call, which timer_wheel_next_ms() then asks for at once. Returns the number
 * fired.
 */
size_t timer_wheel_advance(struct timer_wheel *wheel, uint32_t now_ms,
    timer_wheel_cb *on_fire, void *arg, size_t max_fires);

/*
 * Milliseconds until advance may have something to do: 0 = now, -1 = nothing
 * is armed. May be too early (a timer more than a turn ahead), never too late.
 */
int64_t timer_wheel_next_ms(const struct timer_wheel *wheel, uint32_t now_ms);

#endif
