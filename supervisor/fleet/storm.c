/* SPDX-License-Identifier: ISC */
/*
 * The pace of a storm (see storm.h).
 */
#include "supervisor/fleet/storm.h"

#include <math.h>
#include <string.h>

double
storm_spare(const struct storm_survivor *survivors, size_t count,
    double ceiling)
{
	double all = 0, busy = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct storm_survivor *one = &survivors[i];

		if (!(one->budget > 0))
			continue;
		all += one->budget;
		busy += fmin(fmax(one->rate, 0), one->budget);
	}
	if (ceiling > 0)
		all = fmin(all, ceiling);
	return fmax(all - busy, all / 10);
}

uint64_t
storm_window_ms(uint64_t displaced, double spare, uint64_t min_window_ms)
{
	double needed;

	if (displaced == 0)
		return min_window_ms;
	if (!(spare > 0))
		return STORM_WINDOW_MAX_MS;
	needed = ceil((double)displaced * 1000 / spare);
	if (needed >= (double)STORM_WINDOW_MAX_MS)
		return STORM_WINDOW_MAX_MS;
	return needed > (double)min_window_ms ? (uint64_t)needed :
						min_window_ms;
}

uint64_t
storm_left_ms(const struct storm *storm, uint64_t now_ms)
{
	uint64_t past;

	if (storm->started_ms == 0)
		return 0;
	past = now_ms > storm->started_ms ? now_ms - storm->started_ms : 0;
	return past < storm->window_ms ? storm->window_ms - past : 0;
}

static uint64_t
part_of(uint64_t displaced, uint64_t left_ms, uint64_t window_ms)
{
	return (uint64_t)ceil(
	    (double)displaced * (double)left_ms / (double)window_ms);
}

uint64_t
storm_outstanding(const struct storm *storm, uint64_t now_ms)
{
	uint64_t left = storm_left_ms(storm, now_ms);

	return left == 0 ? 0 :
			   part_of(storm->displaced, left, storm->window_ms);
}

void
storm_add(struct storm *storm, uint64_t displaced, double spare,
    uint64_t min_window_ms, uint64_t now_ms)
{
	uint64_t left = storm_left_ms(storm, now_ms);
	uint64_t all = storm_outstanding(storm, now_ms) + displaced;
	uint64_t window;

	storm->spare = left > 0 ? fmax(spare, storm->spare) : spare;
	window = storm_window_ms(all, storm->spare, min_window_ms);
	/* Those who were told a later moment keep it. */
	storm->window_ms = window > left ? window : left;
	storm->displaced = all;
	storm->started_ms = now_ms > 0 ? now_ms : 1;
}

bool
storm_add_late(struct storm *storm, uint64_t displaced, double spare,
    uint64_t min_window_ms, uint64_t past_ms, uint64_t now_ms)
{
	uint64_t window;

	if (storm_left_ms(storm, now_ms) > 0)
		spare = fmax(spare, storm->spare);
	window = storm_window_ms(displaced, spare, min_window_ms);
	if (past_ms >= window)
		return false;
	storm_add(storm, part_of(displaced, window - past_ms, window), spare,
	    min_window_ms > past_ms ? min_window_ms - past_ms : 0, now_ms);
	return true;
}

void
storm_resume(struct storm *storm, const struct storm_notice *notice,
    uint64_t redis_ms, uint64_t now_ms)
{
	uint64_t left;

	memset(storm, 0, sizeof(*storm));
	if (notice->until_ms <= redis_ms)
		return;
	left = notice->until_ms - redis_ms;
	if (left > STORM_WINDOW_MAX_MS)
		left = STORM_WINDOW_MAX_MS;
	storm->displaced = left < notice->window_ms ?
	    part_of(notice->displaced, left, notice->window_ms) :
	    notice->displaced;
	storm->window_ms = left;
	storm->spare = notice->spare;
	storm->started_ms = now_ms > 0 ? now_ms : 1;
}

double
storm_bucket(double own, double all, double ceiling)
{
	if (!(ceiling > 0) || !(all > 0) || all <= ceiling)
		return own;
	return own * ceiling / all;
}
