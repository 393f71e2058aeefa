/* SPDX-License-Identifier: ISC */
/*
 * Timer heap, see common_timer.h.
 */
#include "tests/bench/common_timer.h"

#include <errno.h>
#include <stdlib.h>

void
timer_heap_clear(struct timer_heap *heap)
{
	free(heap->timers);
	*heap = (struct timer_heap){ 0 };
}

int
timer_heap_push(struct timer_heap *heap, const struct timer *timer)
{
	struct timer *grown;
	size_t at, up;

	if (heap->count == heap->size) {
		grown = realloc(heap->timers,
		    (heap->size * 2 + 64) * sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		heap->timers = grown;
		heap->size = heap->size * 2 + 64;
	}
	for (at = heap->count++; at > 0; at = up) {
		up = (at - 1) / 2;
		if (heap->timers[up].due_ns <= timer->due_ns)
			break;
		heap->timers[at] = heap->timers[up];
	}
	heap->timers[at] = *timer;
	return 0;
}

int
timer_heap_pop(struct timer_heap *heap, uint64_t now_ns, struct timer *out)
{
	struct timer last;
	size_t at, down;

	if (heap->count == 0 || heap->timers[0].due_ns > now_ns)
		return 0;
	*out = heap->timers[0];
	last = heap->timers[--heap->count];
	for (at = 0; (down = at * 2 + 1) < heap->count; at = down) {
		if (down + 1 < heap->count && heap->timers[down + 1].due_ns <
		    heap->timers[down].due_ns)
			down++;
		if (heap->timers[down].due_ns >= last.due_ns)
			break;
		heap->timers[at] = heap->timers[down];
	}
	heap->timers[at] = last;
	return 1;
}
