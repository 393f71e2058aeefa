/* SPDX-License-Identifier: ISC */
/*
 * A histogram of times with fixed, logarithmic buckets: four to each doubling,
 * from 1 us to 134 s, so a quantile is never too low and at most a quarter too
 * high. Plain memory with one writer; in shared memory readers may look at any
 * time, since each count is stored whole. Pure.
 */
#ifndef HOLDFAST_LIB_HISTOGRAM_H
#define HOLDFAST_LIB_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/* Buckets 0..103 have a bound, the last holds what is above 2^27 us. */
#define HISTOGRAM_BUCKETS 105u

struct histogram {
	_Atomic uint64_t counts[HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum_us;
};

/* All zero bytes are an empty histogram, too. */
void histogram_init(struct histogram *histogram);

/* One writer only. */
void histogram_record(struct histogram *histogram, uint64_t us);

uint64_t histogram_count(const struct histogram *histogram);
uint64_t histogram_sum_us(const struct histogram *histogram);

/*
 * The upper bound in us of the bucket that holds the quantile q (0 to 1), 0
 * when nothing was recorded, UINT64_MAX when it is above all bounds.
 */
uint64_t histogram_quantile_us(const struct histogram *histogram, double q);

/* Adds another process's counts, which may be recorded into meanwhile. */
void histogram_add(struct histogram *sum, const struct histogram *other);

/* The largest value that bucket i takes; UINT64_MAX for the last. */
uint64_t histogram_bound_us(unsigned i);

/* The bucket that takes a value. */
unsigned histogram_bucket(uint64_t us);

/*
 * How many recorded values were at most `us`, exact when us is a bucket's
 * bound, for the cumulative buckets of the Prometheus text format: each power
 * of two of microseconds is a bound, and so are 5/4, 6/4 and 7/4 of it from 4
 * us on.
 */
uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t us);

#endif
