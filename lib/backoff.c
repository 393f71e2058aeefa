/* SPDX-License-Identifier: ISC */
/*
 * Back-off (see backoff.h).
 */
#include "lib/backoff.h"

void
backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms)
{
	backoff->base_ms = base_ms;
	backoff->cap_ms = cap_ms;
	backoff->attempt = 0;
}

uint32_t
backoff_next(struct backoff *backoff, uint32_t random)
{
	unsigned shift = backoff->attempt < 32 ? backoff->attempt : 32;
	uint64_t delay = (uint64_t)backoff->base_ms << shift;
	uint64_t half;

	if (delay > backoff->cap_ms)
		delay = backoff->cap_ms;
	if (backoff->attempt < UINT32_MAX)
		backoff->attempt++;
	half = delay / 2;
	return (uint32_t)(delay - half + (random * (half + 1) >> 32));
}

void
backoff_reset(struct backoff *backoff)
{
	backoff->attempt = 0;
}
