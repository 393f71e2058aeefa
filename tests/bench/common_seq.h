/* SPDX-License-Identifier: ISC */
/*
 * What became of one connection's numbered messages: each answer is in order,
 * after a gap, late, or a repeat.  The last 64 numbers are remembered, which
 * tells a late one from a repeated one.  Pure.
 */
#ifndef HOLDFAST_BENCH_COMMON_SEQ_H
#define HOLDFAST_BENCH_COMMON_SEQ_H

#include <stdint.h>

struct seq {
	uint32_t next; /* the number expected now */
	uint32_t lost;
	uint32_t duplicated;
	uint32_t out_of_order;
	uint64_t seen; /* bit i: number next - 1 - i has come */
};

/* Returns 1 when number answers a message for the first time, 0 otherwise. */
int seq_take(struct seq *, uint32_t number);
/* A new connection: what was in flight on the old one is not expected. */
void seq_restart(struct seq *, uint32_t next);

#endif
