/* SPDX-License-Identifier: ISC */
/*
 * Rates of the last second (see rates.h).
 */
#include "supervisor/rates.h"

#include "supervisor/supervisor.h"

uint64_t
rates_counter(const struct supervisor *sup, enum counter counter)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		const struct counters *counters = slot_memory_counters(
		    &sup->slots[i]->memory);

		if (counters != NULL)
			sum += counter_get(counters, counter);
	}
	return sum;
}

void
rates_sample(struct supervisor *sup, uint64_t now_ms)
{
	static const enum counter of[RATE_MAX] = {
		[RATE_HANDSHAKES] = COUNTER_HANDSHAKE_OK,
		[RATE_MESSAGES_IN] = COUNTER_MESSAGES_IN,
		[RATE_MESSAGES_OUT] = COUNTER_MESSAGES_OUT,
		[RATE_BYTES_IN] = COUNTER_BYTES_IN,
		[RATE_BYTES_OUT] = COUNTER_BYTES_OUT,
	};
	struct rates *rates = &sup->rates;
	uint64_t passed = now_ms - rates->last_ms;
	unsigned i;

	for (i = 0; i < RATE_MAX; i++) {
		uint64_t total = rates_counter(sup, of[i]);
		/* A slot that was started empty takes its counts along. */
		uint64_t more = total > rates->total[i] ?
		    total - rates->total[i] :
		    0;

		rates->per_second[i] = rates->last_ms == 0 || passed == 0 ?
		    0 :
		    (double)more * 1000.0 / (double)passed;
		rates->total[i] = total;
	}
	rates->last_ms = now_ms;
}
