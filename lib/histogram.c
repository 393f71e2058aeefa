/* SPDX-License-Identifier: ISC */
/*
 * Histogram (see histogram.h). Bucket i takes the values in (bound(i - 1),
 * bound(i)], as Prometheus wants. The bounds are 1, 2, 3, 4, then 5, 6, 7, 8,
 * 10, 12, 14, 16, ...: (4 + k) * 2^e, that is four steps to a doubling.
 */
#include "lib/histogram.h"

#define LAST (HISTOGRAM_BUCKETS - 1)

void
histogram_init(struct histogram *histogram)
{
	unsigned i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		atomic_init(&histogram->counts[i], 0);
	atomic_init(&histogram->sum_us, 0);
}

uint64_t
histogram_bound_us(unsigned i)
{
	if (i >= LAST)
		return UINT64_MAX;
	if (i < 4)
		return i + 1;
	return (uint64_t)(5 + i % 4) << (i / 4 - 1);
}

unsigned
histogram_bucket(uint64_t us)
{
	uint64_t below;
	unsigned exponent;

	if (us <= 1)
		return 0;
	/* Bounds belong to their bucket, so the grid starts one lower. */
	below = us - 1;
	if (below < 4)
		return (unsigned)below;
	exponent = 61u - (unsigned)__builtin_clzll(below);
	below >>= exponent; /* 4..7 */
	if ((exponent + 1) * 4 + below - 4 > LAST)
		return LAST;
	return (exponent + 1) * 4 + (unsigned)below - 4;
}

/* One writer: a plain increment, stored whole. */
static void
add_to(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static uint64_t
load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void
histogram_record(struct histogram *histogram, uint64_t us)
{
	add_to(&histogram->counts[histogram_bucket(us)], 1);
	add_to(&histogram->sum_us, us);
}

uint64_t
histogram_count(const struct histogram *histogram)
{
	uint64_t count = 0;
	unsigned i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += load(&histogram->counts[i]);
	return count;
}

uint64_t
histogram_sum_us(const struct histogram *histogram)
{
	return load(&histogram->sum_us);
}

uint64_t
histogram_quantile_us(const struct histogram *histogram, double q)
{
	uint64_t count = histogram_count(histogram);
	double wanted = q * (double)count;
	uint64_t seen = 0;
	unsigned i;

	if (count == 0)
		return 0;
	for (i = 0; i < LAST; i++) {
		seen += load(&histogram->counts[i]);
		if (seen > 0 && (double)seen >= wanted)
			break;
	}
	return histogram_bound_us(i);
}

void
histogram_add(struct histogram *sum, const struct histogram *other)
{
	unsigned i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		add_to(&sum->counts[i], load(&other->counts[i]));
	add_to(&sum->sum_us, load(&other->sum_us));
}

uint64_t
histogram_count_up_to(const struct histogram *histogram, uint64_t us)
{
	uint64_t count = 0;
	unsigned i;

	for (i = 0; i < HISTOGRAM_BUCKETS && histogram_bound_us(i) <= us; i++)
		count += load(&histogram->counts[i]);
	return count;
}
