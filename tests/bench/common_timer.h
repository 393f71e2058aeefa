/* SPDX-License-Identifier: ISC */
/*
 * A binary heap of things to do later, for a load process: reopen a connection,
 * or let it send its next message.
 */
#ifndef HOLDFAST_BENCH_COMMON_TIMER_H
#define HOLDFAST_BENCH_COMMON_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	uint64_t due_ns;
	uint32_t conn;		/* index in the process */
	uint32_t life;		/* of the connection: stale timers are ignored */
};

struct timer_heap {
	struct timer *timers;	/* owned */
	size_t count;
	size_t size;
};

void	timer_heap_clear(struct timer_heap *);
int	timer_heap_push(struct timer_heap *, const struct timer *);
/* Returns 1 and the earliest timer when it is due, else 0. */
int	timer_heap_pop(struct timer_heap *, uint64_t now_ns, struct timer *out);

#endif
