/* SPDX-License-Identifier: ISC */
/*
 * A histogram of nanoseconds with 32 steps per power of two (3 % wide), of
 * fixed size so that it can live in memory shared by the load's processes.
 */
#ifndef HOLDFAST_BENCH_COMMON_HIST_H
#define HOLDFAST_BENCH_COMMON_HIST_H

#include <stdint.h>

enum { HIST_STEP_BITS = 5, HIST_CELLS = 40 << HIST_STEP_BITS };

struct hist {
	uint64_t cells[HIST_CELLS];
	uint64_t count;
	uint64_t max_ns;
};

void hist_add(struct hist *, uint64_t value_ns);
void hist_merge(struct hist *, const struct hist *from);
/* The value that a share of per_mille are not above; 0 when empty. */
uint64_t hist_quantile(const struct hist *, unsigned int per_mille);

#endif
