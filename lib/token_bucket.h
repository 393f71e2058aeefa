/* SPDX-License-Identifier: ISC */
/*
 * Token buckets as the generic cell rate algorithm: the whole state is one
 * number, the theoretical arrival time (TAT), the instant at which the bucket
 * will be full again. So a bucket fits in one word of shared memory and needs
 * no refill timer. Pure.
 *
 * Two forms: 64 bits in nanoseconds (node-wide limits, also shared between
 * processes by compare-and-swap), and 32 bits in microseconds that wrap (limits
 * per connection, in a record).
 */
#ifndef HOLDFAST_LIB_TOKEN_BUCKET_H
#define HOLDFAST_LIB_TOKEN_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a bucket that can never hold so many tokens says about waiting. */
#define TOKEN_BUCKET_NEVER UINT64_MAX

/* per_second == 0: no limit, everything is granted and nothing is stored. */
struct token_rate {
	uint64_t per_second;
	uint64_t burst; /* tokens in a full bucket, >= 1 */
};

/* burst 0 means 1. per_second up to 10^9. */
struct token_rate token_rate_make(uint64_t per_second, uint64_t burst);

/*
 * Takes n tokens if they are there, else leaves the bucket alone. *tat == 0
 * is a full bucket. A clock that steps back reads as an emptier bucket.
 */
bool token_bucket_take(uint64_t *tat, const struct token_rate *rate,
    uint64_t now_ns, uint32_t n);

/* The same for a word that other processes take from at the same time. */
bool token_bucket_take_shared(_Atomic uint64_t *tat,
    const struct token_rate *rate, uint64_t now_ns, uint32_t n);

/* Gives n back that were taken for nothing; never more than a full bucket. */
void token_bucket_give_shared(_Atomic uint64_t *tat,
    const struct token_rate *rate, uint64_t now_ns, uint32_t n);

/*
 * Nanoseconds until n tokens will be there if nobody else takes any: 0 = now,
 * TOKEN_BUCKET_NEVER when n > burst.
 */
uint64_t token_bucket_wait_ns(uint64_t tat, const struct token_rate *rate,
    uint64_t now_ns, uint32_t n);

/*
 * The 32-bit form counts microseconds modulo 2^32 (71 minutes): pass
 * clock_mono_us() and the low half is used. A token costs at least 1 us, so
 * it limits to at most 10^6 takes a second; n tokens at once cost n/per_second
 * exactly, rounded up. It holds at most TOKEN_BUCKET32_MAX_US of burst and as
 * much of debt; a larger burst is cut to that.
 *
 * After an idle time of more than 2^32 us less those, the field may by chance
 * look like a recent one: the bucket then seems emptier than it is, for at
 * most burst + debt. Whoever visits the record anyway (each ping) calls
 * token_bucket32_touch() and never sees that.
 */
#define TOKEN_BUCKET32_MAX_US 60000000u

/* A full bucket; a record's field must start with this, not with 0. */
void token_bucket32_init(uint32_t *tat, uint64_t now_us);
void token_bucket32_touch(uint32_t *tat, const struct token_rate *rate,
    uint64_t now_us);

bool token_bucket32_take(uint32_t *tat, const struct token_rate *rate,
    uint64_t now_us, uint32_t n);

/*
 * Takes n tokens whether they are there or not, for what has already happened
 * (bytes that were received). Returns for how many microseconds the bucket is
 * in debt now, 0 = not at all: the caller stops reading for that long.
 */
uint32_t token_bucket32_charge(uint32_t *tat, const struct token_rate *rate,
    uint64_t now_us, uint32_t n);

#endif
