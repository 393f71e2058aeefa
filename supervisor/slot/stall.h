/* SPDX-License-Identifier: ISC */
/*
 * Decides whether a tenant stands still, from its heartbeat word.  Pure.  Time
 * during which the watcher itself did not run proves nothing about the watched
 * one (a stopped virtual machine, a loaded host): then it starts anew.
 */
#ifndef HOLDFAST_SLOT_STALL_H
#define HOLDFAST_SLOT_STALL_H

#include <stdbool.h>
#include <stdint.h>

struct stall {
	uint64_t beat;	   /* last seen */
	uint64_t moved_ms; /* when it was seen to change */
};

/* Watch anew from now on. */
void stall_reset(struct stall *stall, uint64_t beat, uint64_t now_ms);

/* True when the word has not changed for allowed_ms. */
bool stall_check(struct stall *stall, uint64_t beat, uint64_t now_ms,
    uint64_t allowed_ms);

/* Was the watcher late?  It wanted to run every period_ms and last did at
 * last_ms. */
bool stall_watcher_late(uint64_t last_ms, uint64_t now_ms, uint64_t period_ms,
    uint64_t stall_ms);

/* Deaths that count toward evacuation, within a window. */
#define CRASH_WINDOW_MAX 1024u /* more than worker.max_crashes can be */

struct crash_window {
	uint64_t at_ms[CRASH_WINDOW_MAX]; /* the last ones, a ring */
	uint32_t next;
	uint32_t filled;
};

/* Notes one; tells how many there were in the last window_ms, this one too. */
uint32_t crash_window_add(struct crash_window *window, uint64_t now_ms,
    uint64_t window_ms);
void crash_window_reset(struct crash_window *window);

#endif
