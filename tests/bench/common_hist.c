/* SPDX-License-Identifier: ISC */
/*
 * Log-linear latency histogram, see common_hist.h.  Pure.
 */
#include "tests/bench/common_hist.h"

#include <stddef.h>

static size_t
cell_of(uint64_t value)
{
	size_t shift, cell;

	if (value < 1u << (HIST_STEP_BITS + 1))
		return (size_t)value;
	shift = (size_t)(63 - __builtin_clzll(value)) - HIST_STEP_BITS;
	cell = (shift << HIST_STEP_BITS) + (size_t)(value >> shift);
	return cell < HIST_CELLS ? cell : HIST_CELLS - 1;
}

static uint64_t
upper_bound(size_t cell)
{
	size_t shift;

	if (cell < 1u << (HIST_STEP_BITS + 1))
		return cell;
	shift = (cell >> HIST_STEP_BITS) - 1;
	return (((uint64_t)cell - (shift << HIST_STEP_BITS) + 1) << shift) - 1;
}

void
hist_add(struct hist *hist, uint64_t value_ns)
{
	hist->cells[cell_of(value_ns)]++;
	hist->count++;
	if (value_ns > hist->max_ns)
		hist->max_ns = value_ns;
}

void
hist_merge(struct hist *hist, const struct hist *from)
{
	size_t i;

	for (i = 0; i < HIST_CELLS; i++)
		hist->cells[i] += from->cells[i];
	hist->count += from->count;
	if (from->max_ns > hist->max_ns)
		hist->max_ns = from->max_ns;
}

uint64_t
hist_quantile(const struct hist *hist, unsigned int per_mille)
{
	uint64_t below = 0, wanted = (hist->count * per_mille + 999) / 1000;
	uint64_t bound;
	size_t i;

	if (hist->count == 0)
		return 0;
	for (i = 0; i < HIST_CELLS; i++) {
		below += hist->cells[i];
		if (below < wanted)
			continue;
		bound = upper_bound(i);
		return bound < hist->max_ns ? bound : hist->max_ns;
	}
	return hist->max_ns;
}
