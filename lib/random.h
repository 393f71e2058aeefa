/* SPDX-License-Identifier: ISC */
/*
 * Random bytes from the kernel, fetched 256 at a time: for ids, keys, jitter.
 * Bytes are wiped from the pool as they are handed out.
 */
#ifndef HOLDFAST_LIB_RANDOM_H
#define HOLDFAST_LIB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/*
 * getrandom() cannot fail for these sizes on any kernel that we run on; a
 * process that is refused it all the same (a broken seccomp filter) aborts
 * rather than hand out what is not random.
 */
void random_bytes(void *out, size_t len);
uint32_t random_u32(void);
uint64_t random_u64(void);

/* Even over 0 .. bound - 1; 0 when bound is 0. */
uint32_t random_below(uint32_t bound);

/*
 * value +- percent, evenly, for deadlines that many share: random_jitter(1000,
 * 20) lies in 800 .. 1200. percent up to 100.
 */
uint64_t random_jitter(uint64_t value, unsigned percent);

/*
 * Forgets the pool. A child by fork or clone (without CLONE_VM) must call this
 * first, or it hands out the same bytes as its parent.
 */
void random_reset(void);

#endif
