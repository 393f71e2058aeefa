/* SPDX-License-Identifier: ISC */
/*
 * Limits of the blast radius (see blast_radius.h).
 */
#include "supervisor/fleet/blast_radius.h"

#include <math.h>

/* 1.1 / 0.01 is 110.00000000000001 in binary; that is still 110 nodes. */
#define ROUNDING 1e-9

/* Doubles count exactly up to here, far above what any fleet holds. */
#define COUNT_MAX 9007199254740992.0

static uint64_t
to_count(double value)
{
	if (!(value > 0))
		return 0;
	return (uint64_t)(value < COUNT_MAX ? value : COUNT_MAX);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void
high_water_init(struct high_water *water, uint64_t held, uint64_t now_ms)
{
	water->held = (double)held;
	water->noted_ms = now_ms;
}

uint64_t
high_water_note(struct high_water *water, uint64_t connections, uint64_t now_ms,
    uint64_t half_life_ms)
{
	double past = now_ms > water->noted_ms ?
	    (double)(now_ms - water->noted_ms) :
	    0;

	if (half_life_ms > 0)
		water->held *= exp2(-past / (double)half_life_ms);
	if (water->held < (double)connections)
		water->held = (double)connections;
	water->noted_ms = most(now_ms, water->noted_ms);
	return to_count(ceil(water->held - ROUNDING));
}

uint64_t
blast_radius_wanted(const struct blast_rules *rules, uint64_t held)
{
	double wanted = ceil((double)held * (1 + rules->slack) - ROUNDING);

	/* One more, or a small fleet would stand still at its slack. */
	return most(to_count(wanted), held + 1);
}

static uint64_t
filled(const uint64_t *capacity, size_t count, uint64_t level)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		uint64_t part = least(capacity[i], level);

		sum = part > UINT64_MAX - sum ? UINT64_MAX : sum + part;
	}
	return sum;
}

uint64_t
blast_radius_level(const uint64_t *capacity, size_t count, uint64_t wanted)
{
	uint64_t low = 0, high = 0;
	size_t i;

	for (i = 0; i < count; i++)
		high = most(high, capacity[i]);
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (filled(capacity, count, middle) >= wanted)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

uint64_t
blast_radius_limit(const struct blast_rules *rules, uint64_t capacity,
    uint64_t held, uint64_t level)
{
	uint64_t share = to_count(rules->fraction * (double)held + ROUNDING);

	return least(capacity, most(rules->floor, most(share, level)));
}

double
blast_radius_effective(const uint64_t *limits, const uint64_t *counts,
    size_t count, uint64_t held)
{
	uint64_t worst = 0;
	size_t i;

	if (held == 0)
		return 0;
	for (i = 0; i < count; i++)
		worst = most(worst, most(limits[i], counts[i]));
	return worst >= held ? 1 : (double)worst / (double)held;
}

uint64_t
blast_radius_held_needed(const struct blast_rules *rules)
{
	if (!(rules->fraction > 0))
		return UINT64_MAX;
	return to_count(
	    ceil((double)rules->floor / rules->fraction - ROUNDING));
}

uint64_t
blast_radius_nodes_missing(const struct blast_rules *rules,
    const uint64_t *capacity, size_t count, uint64_t held)
{
	/* Without connections yet: as many as there may ever be. */
	double all = held > 0 ? (double)held : COUNT_MAX;
	double share = rules->fraction * all,
	       missing = all * (1 + rules->slack);
	size_t i;

	if (!(rules->fraction > 0))
		return UINT64_MAX;
	for (i = 0; i < count; i++)
		missing -= held > 0 && (double)capacity[i] < share ?
		    (double)capacity[i] :
		    share;
	return to_count(ceil(missing / share - ROUNDING));
}
