/* SPDX-License-Identifier: ISC */
/*
 * Heartbeats that stand still and crashes that pile up (see stall.h).
 */
#include "supervisor/slot/stall.h"

#include <string.h>

void
stall_reset(struct stall *stall, uint64_t beat, uint64_t now_ms)
{
	stall->beat = beat;
	stall->moved_ms = now_ms;
}

bool
stall_check(struct stall *stall, uint64_t beat, uint64_t now_ms,
    uint64_t allowed_ms)
{
	if (beat != stall->beat) {
		stall_reset(stall, beat, now_ms);
		return false;
	}
	return now_ms - stall->moved_ms >= allowed_ms;
}

bool
stall_watcher_late(uint64_t last_ms, uint64_t now_ms, uint64_t period_ms,
    uint64_t stall_ms)
{
	return now_ms - last_ms > period_ms + stall_ms / 2;
}

uint32_t
crash_window_add(struct crash_window *window, uint64_t now_ms,
    uint64_t window_ms)
{
	uint32_t i, count = 0;

	window->at_ms[window->next] = now_ms;
	window->next = (window->next + 1) % CRASH_WINDOW_MAX;
	if (window->filled < CRASH_WINDOW_MAX)
		window->filled++;
	for (i = 0; i < window->filled; i++) {
		if (now_ms - window->at_ms[i] <= window_ms)
			count++;
	}
	return count;
}

void
crash_window_reset(struct crash_window *window)
{
	memset(window, 0, sizeof(*window));
}
