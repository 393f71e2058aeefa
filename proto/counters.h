/* SPDX-License-Identifier: ISC */
/*
 * The counters and histograms of a slot.  They live in the slot header, so
 * they outlive tenants, and the supervisor renders /metrics from them without
 * asking anybody.  counter_info.c gives each its metric name, labels and help
 * text; a metric's counters stand together.
 */
#ifndef HOLDFAST_PROTO_COUNTERS_H
#define HOLDFAST_PROTO_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/histogram.h"
#include "proto/counter.h"
#include "proto/slot_histogram.h"

struct counters {
	_Atomic uint64_t value[COUNTER_MAX];
	struct histogram histogram[HISTOGRAM_MAX];
};

/* Single writer: no read-modify-write instruction is needed. */
static inline void
counter_add(struct counters *cs, enum counter c, uint64_t n)
{
	atomic_store_explicit(&cs->value[c],
	    atomic_load_explicit(&cs->value[c], memory_order_relaxed) + n,
	    memory_order_relaxed);
}

static inline uint64_t
counter_get(const struct counters *cs, enum counter c)
{
	return atomic_load_explicit(&cs->value[c], memory_order_relaxed);
}

#endif
