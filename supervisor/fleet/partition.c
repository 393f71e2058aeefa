/* SPDX-License-Identifier: ISC */
/*
 * The partition verdict (see partition.h).
 */
#include "supervisor/fleet/partition.h"

static bool
has_redis(const struct peer_report *report, uint64_t silent_ms)
{
	return report->answer == PEER_ANSWERED &&
	    report->redis_age_ms < silent_ms &&
	    silent_ms - report->redis_age_ms > PARTITION_MARGIN_MS;
}

enum partition_verdict
partition_decide(uint64_t silent_ms, uint64_t settle_ms,
    const struct peer_report *reports, size_t count)
{
	size_t i, silent = 0, pending = 0;

	if (silent_ms == 0)
		return PARTITION_NONE;
	if (silent_ms < settle_ms)
		return PARTITION_UNDECIDED;
	for (i = 0; i < count; i++) {
		if (has_redis(&reports[i], silent_ms))
			return PARTITION_CUT_OFF;
		if (reports[i].answer == PEER_SILENT)
			silent++;
		else if (reports[i].answer == PEER_NOT_ASKED)
			pending++;
	}
	if (pending > 0)
		return PARTITION_UNDECIDED;
	if (silent == count && silent >= PARTITION_SILENT_MIN)
		return PARTITION_ALONE;
	return PARTITION_OUTAGE;
}

bool
partition_is_cut_off(enum partition_verdict verdict)
{
	return verdict == PARTITION_CUT_OFF || verdict == PARTITION_ALONE;
}

const char *
partition_verdict_name(enum partition_verdict verdict)
{
	static const char *const names[PARTITION_VERDICT_MAX] = {
		[PARTITION_NONE] = "none",
		[PARTITION_UNDECIDED] = "undecided",
		[PARTITION_CUT_OFF] = "cut_off",
		[PARTITION_ALONE] = "alone",
		[PARTITION_OUTAGE] = "outage",
	};

	return (unsigned)verdict < PARTITION_VERDICT_MAX ? names[verdict] :
							   "unknown";
}
