/* SPDX-License-Identifier: ISC */
/*
 * What happened in the last second, from the counters of all slots, for
 * status and top.
 */
#ifndef HOLDFAST_SUPERVISOR_RATES_H
#define HOLDFAST_SUPERVISOR_RATES_H

#include <stdint.h>

#include "proto/counters.h"

struct supervisor;

enum rate {
	RATE_HANDSHAKES,
	RATE_MESSAGES_IN,
	RATE_MESSAGES_OUT,
	RATE_BYTES_IN,
	RATE_BYTES_OUT,
	RATE_MAX
};

struct rates {
	uint64_t total[RATE_MAX];
	double per_second[RATE_MAX];
	uint64_t last_ms;
};

/* Once a second. */
void rates_sample(struct supervisor *sup, uint64_t now_ms);

/* A counter summed over all slots. */
uint64_t rates_counter(const struct supervisor *sup, enum counter counter);

#endif
