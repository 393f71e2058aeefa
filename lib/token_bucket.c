/* SPDX-License-Identifier: ISC */
/*
 * Token buckets (see token_bucket.h). With cost = n / rate and tolerance =
 * burst / rate, n tokens are there when max(tat, now) + cost - now does not
 * exceed the tolerance. Costs are computed from n at once rather than from a
 * rounded time per token, so that byte rates of gigabytes stay exact.
 */
#include "lib/token_bucket.h"

#define NS_PER_SECOND 1000000000u
#define US_PER_SECOND 1000000u

struct token_rate
token_rate_make(uint64_t per_second, uint64_t burst)
{
	struct token_rate rate;

	rate.per_second = per_second < NS_PER_SECOND ? per_second :
						       NS_PER_SECOND;
	rate.burst = burst == 0 ? 1 : burst;
	return rate;
}

/* Units of time that n tokens take to come, rounded up. */
static uint64_t
time_of(uint64_t n, uint64_t per_second, uint64_t units_per_second)
{
	unsigned __int128 t = (unsigned __int128)n * units_per_second;

	t = (t + per_second - 1) / per_second;
	/* Two centuries in ns; keeps every sum below clear of overflow. */
	return t > UINT64_MAX / 4 ? UINT64_MAX / 4 : (uint64_t)t;
}

/* How far the bucket would be behind `now` after taking n tokens. */
static uint64_t
lag_after(uint64_t tat, const struct token_rate *rate, uint64_t now_ns,
    uint32_t n)
{
	uint64_t lag = tat > now_ns ? tat - now_ns : 0;

	return lag + time_of(n, rate->per_second, NS_PER_SECOND);
}

bool
token_bucket_take(uint64_t *tat, const struct token_rate *rate, uint64_t now_ns,
    uint32_t n)
{
	uint64_t lag;

	if (rate->per_second == 0 || n == 0)
		return true;
	lag = lag_after(*tat, rate, now_ns, n);
	if (lag > time_of(rate->burst, rate->per_second, NS_PER_SECOND))
		return false;
	*tat = now_ns + lag;
	return true;
}

bool
token_bucket_take_shared(_Atomic uint64_t *tat, const struct token_rate *rate,
    uint64_t now_ns, uint32_t n)
{
	uint64_t seen = atomic_load_explicit(tat, memory_order_relaxed);
	uint64_t next;

	/* Nothing else is published by this word, so relaxed order does. */
	do {
		next = seen;
		if (!token_bucket_take(&next, rate, now_ns, n))
			return false;
		if (next == seen)
			return true;
	} while (!atomic_compare_exchange_weak_explicit(tat, &seen, next,
	    memory_order_relaxed, memory_order_relaxed));
	return true;
}

void
token_bucket_give_shared(_Atomic uint64_t *tat, const struct token_rate *rate,
    uint64_t now_ns, uint32_t n)
{
	uint64_t seen = atomic_load_explicit(tat, memory_order_relaxed);
	uint64_t cost, next;

	if (rate->per_second == 0)
		return;
	cost = time_of(n, rate->per_second, NS_PER_SECOND);
	do {
		if (seen <= now_ns)
			return; /* it is full */
		next = seen - now_ns > cost ? seen - cost : now_ns;
	} while (!atomic_compare_exchange_weak_explicit(tat, &seen, next,
	    memory_order_relaxed, memory_order_relaxed));
}

uint64_t
token_bucket_wait_ns(uint64_t tat, const struct token_rate *rate,
    uint64_t now_ns, uint32_t n)
{
	uint64_t lag, tolerance;

	if (rate->per_second == 0 || n == 0)
		return 0;
	if (n > rate->burst)
		return TOKEN_BUCKET_NEVER;
	lag = lag_after(tat, rate, now_ns, n);
	tolerance = time_of(rate->burst, rate->per_second, NS_PER_SECOND);
	return lag > tolerance ? lag - tolerance : 0;
}

static uint32_t
tolerance32(const struct token_rate *rate)
{
	uint64_t t = time_of(rate->burst, rate->per_second, US_PER_SECOND);

	return t > TOKEN_BUCKET32_MAX_US ? TOKEN_BUCKET32_MAX_US : (uint32_t)t;
}

/*
 * How far the bucket is behind now. A distance that no bucket of this rate can
 * have is an old value seen through the wrap: full.
 */
static uint32_t
lag32(uint32_t tat, uint32_t tolerance, uint32_t now)
{
	uint32_t ahead = tat - now;

	return ahead <= tolerance + TOKEN_BUCKET32_MAX_US ? ahead : 0;
}

void
token_bucket32_init(uint32_t *tat, uint64_t now_us)
{
	*tat = (uint32_t)now_us;
}

void
token_bucket32_touch(uint32_t *tat, const struct token_rate *rate,
    uint64_t now_us)
{
	uint32_t now = (uint32_t)now_us;

	if (rate->per_second == 0)
		*tat = now;
	else
		*tat = now + lag32(*tat, tolerance32(rate), now);
}

bool
token_bucket32_take(uint32_t *tat, const struct token_rate *rate,
    uint64_t now_us, uint32_t n)
{
	uint32_t now = (uint32_t)now_us;
	uint32_t tolerance;
	uint64_t lag;

	if (rate->per_second == 0 || n == 0)
		return true;
	tolerance = tolerance32(rate);
	lag = lag32(*tat, tolerance, now) +
	    time_of(n, rate->per_second, US_PER_SECOND);
	if (lag > tolerance)
		return false;
	*tat = now + (uint32_t)lag;
	return true;
}

uint32_t
token_bucket32_charge(uint32_t *tat, const struct token_rate *rate,
    uint64_t now_us, uint32_t n)
{
	uint32_t now = (uint32_t)now_us;
	uint32_t tolerance;
	uint64_t lag;

	if (rate->per_second == 0)
		return 0;
	tolerance = tolerance32(rate);
	lag = lag32(*tat, tolerance, now);
	if (n > 0)
		lag += time_of(n, rate->per_second, US_PER_SECOND);
	if (lag > (uint64_t)tolerance + TOKEN_BUCKET32_MAX_US)
		lag = (uint64_t)tolerance + TOKEN_BUCKET32_MAX_US;
	*tat = now + (uint32_t)lag;
	return lag > tolerance ? (uint32_t)lag - tolerance : 0;
}
