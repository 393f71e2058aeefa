/* SPDX-License-Identifier: ISC */
/*
 * What a keeper makes of its tenant's death: the cause it is counted under,
 * how many deaths that makes in a row, and how long the next tenant waits.
 * Pure.  A status is an exit code, or minus the signal.
 */
#ifndef HOLDFAST_WORKER_RESTART_H
#define HOLDFAST_WORKER_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/counters.h"

struct restart_policy {
	uint32_t backoff_ms; /* 0: never wait */
	uint32_t backoff_max_ms;
	uint32_t crash_window_ms; /* who serves so long starts from zero */
};

struct restart_death {
	int status;
	bool was_stalled; /* the supervisor had marked it */
	bool has_served;
	uint64_t served_ms; /* for how long */
	bool in_step;	    /* a connection was being served */
};

/* Was it the supervisor's kill of a tenant that stood still? */
bool restart_is_stall(const struct restart_death *);

/* COUNTER_RESTART_*. */
enum counter restart_counter(const struct restart_death *);

/* Deaths in a row with this one; 0 for an orderly recycle. */
uint32_t restart_in_row(const struct restart_policy *,
    const struct restart_death *, uint32_t before);

/* The first restart is immediate, each further one waits twice as long.  A
 * death inside a step has its explanation: the next tenants settle it or
 * quarantine that connection, so a few of those are immediate as well. */
uint32_t restart_delay_ms(const struct restart_policy *,
    const struct restart_death *, uint32_t in_row);

#endif
