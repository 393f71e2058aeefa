/* SPDX-License-Identifier: ISC */
/*
 * Exponential back-off with jitter, for every retry. Pure: the caller brings
 * the randomness and does the waiting.
 */
#ifndef HOLDFAST_LIB_BACKOFF_H
#define HOLDFAST_LIB_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint32_t base_ms;
	uint32_t cap_ms;
	uint32_t attempt; /* failures since the last reset */
};

void backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms);

/*
 * Milliseconds to wait after one more failure: with d = min(base * 2^attempt,
 * cap) a value in d/2 .. d, chosen by the random number, so that many who
 * failed together do not come back together. At least 1 unless base is 0.
 */
uint32_t backoff_next(struct backoff *backoff, uint32_t random);

/* After a success. */
void backoff_reset(struct backoff *backoff);

#endif
