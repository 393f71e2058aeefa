/* SPDX-License-Identifier: ISC */
/*
 * The partition verdict (see partition.h).
 */
#include "supervisor/fleet/partition.h"

enum need {
	NEED_NOTHING,
	NEED_STAY, /* the word agrees, or says nothing */
	NEED_ROUNDS,
	NEED_ATTEMPT /* to reach Redis, beside the rounds */
};

/* What it takes to get from one verdict to another. */
static const enum need needs[PARTITION_VERDICT_MAX][PARTITION_VERDICT_MAX] = {
	[PARTITION_NONE] = {
		[PARTITION_NONE] = NEED_STAY,
		[PARTITION_UNDECIDED] = NEED_NOTHING,
		[PARTITION_CUT_OFF] = NEED_ROUNDS,
		[PARTITION_ALONE] = NEED_ROUNDS,
		[PARTITION_OUTAGE] = NEED_NOTHING,
	},
	[PARTITION_UNDECIDED] = {
		[PARTITION_NONE] = NEED_NOTHING,
		[PARTITION_UNDECIDED] = NEED_STAY,
		[PARTITION_CUT_OFF] = NEED_ROUNDS,
		[PARTITION_ALONE] = NEED_ROUNDS,
		[PARTITION_OUTAGE] = NEED_NOTHING,
	},
	[PARTITION_CUT_OFF] = {
		[PARTITION_NONE] = NEED_NOTHING,
		[PARTITION_UNDECIDED] = NEED_STAY,
		[PARTITION_CUT_OFF] = NEED_STAY,
		[PARTITION_ALONE] = NEED_NOTHING,
		[PARTITION_OUTAGE] = NEED_ROUNDS,
	},
	[PARTITION_ALONE] = {
		[PARTITION_NONE] = NEED_NOTHING,
		[PARTITION_UNDECIDED] = NEED_STAY,
		[PARTITION_CUT_OFF] = NEED_NOTHING,
		[PARTITION_ALONE] = NEED_STAY,
		[PARTITION_OUTAGE] = NEED_ROUNDS,
	},
	[PARTITION_OUTAGE] = {
		[PARTITION_NONE] = NEED_NOTHING,
		[PARTITION_UNDECIDED] = NEED_STAY,
		[PARTITION_CUT_OFF] = NEED_ATTEMPT,
		[PARTITION_ALONE] = NEED_ROUNDS,
		[PARTITION_OUTAGE] = NEED_STAY,
	},
};

/* It was answered so much later than we were. */
static bool
was_answered(const struct peer_report *report, uint64_t silent_ms,
    uint64_t later_ms)
{
	return report->answer == PEER_ANSWERED &&
	    report->redis_age_ms < silent_ms &&
	    silent_ms - report->redis_age_ms > later_ms;
}

bool
partition_has_redis(const struct peer_report *report, uint64_t silent_ms)
{
	return was_answered(report, silent_ms, PARTITION_MARGIN_MS);
}

enum partition_verdict
partition_decide(uint64_t silent_ms, uint64_t settle_ms,
    const struct peer_report *reports, size_t count)
{
	size_t i, silent = 0, pending = 0;
	bool is_early = silent_ms < settle_ms + PARTITION_MARGIN_MS;

	if (silent_ms == 0)
		return PARTITION_NONE;
	if (silent_ms < settle_ms)
		return PARTITION_UNDECIDED;
	for (i = 0; i < count; i++) {
		if (partition_has_redis(&reports[i], silent_ms))
			return PARTITION_CUT_OFF;
		if (reports[i].answer == PEER_SILENT)
			silent++;
		else if (reports[i].answer == PEER_NOT_ASKED ||
		    (is_early &&
			was_answered(&reports[i], silent_ms,
			    PARTITION_MAYBE_MS)))
			pending++;
	}
	if (pending > 0)
		return PARTITION_UNDECIDED;
	if (silent == count && silent >= PARTITION_SILENT_MIN)
		return PARTITION_ALONE;
	return PARTITION_OUTAGE;
}

static bool
is_enough(const struct partition *partition, enum need need, uint64_t tried_ms)
{
	switch (need) {
	case NEED_NOTHING:
		return true;
	case NEED_ROUNDS:
		return partition->rounds >= PARTITION_ROUNDS;
	case NEED_ATTEMPT:
		return partition->rounds >= PARTITION_ROUNDS &&
		    tried_ms >= partition->redis_ms;
	default:
		return false;
	}
}

enum partition_verdict
partition_step(struct partition *partition, enum partition_verdict word,
    uint64_t now_ms, uint64_t tried_ms)
{
	enum need need = needs[partition->verdict][word];

	/* While a round is under way the last verdict holds. */
	if (need == NEED_STAY && word == PARTITION_UNDECIDED)
		return partition->verdict;
	if (need == NEED_STAY) {
		partition->rounds = 0;
		partition->redis_ms = 0;
		return partition->verdict;
	}
	partition->rounds++;
	if (word == PARTITION_CUT_OFF && partition->redis_ms == 0)
		partition->redis_ms = now_ms;
	if (is_enough(partition, need, tried_ms))
		*partition = (struct partition){ .verdict = word };
	return partition->verdict;
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
