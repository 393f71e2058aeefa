/* SPDX-License-Identifier: ISC */
/*
 * Percentiles over slots, weighted by their connections (see pause_report.h).
 */
#include "supervisor/slot/pause_report.h"

void
pause_report_add(struct pause_report *report, uint64_t connections,
    uint64_t pause_us)
{
	uint32_t at = report->count;

	if (connections == 0 || report->count == SLOT_MAX_WORKERS)
		return;
	while (at > 0 && report->slot[at - 1].pause_us > pause_us) {
		report->slot[at] = report->slot[at - 1];
		at--;
	}
	report->slot[at].pause_us = pause_us;
	report->slot[at].connections = connections;
	report->count++;
}

uint64_t
pause_report_connections(const struct pause_report *report)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < report->count; i++)
		sum += report->slot[i].connections;
	return sum;
}

uint64_t
pause_report_percentile(const struct pause_report *report, unsigned percent)
{
	uint64_t all = pause_report_connections(report), seen = 0;
	uint32_t i;

	for (i = 0; i < report->count; i++) {
		seen += report->slot[i].connections;
		if (seen * 100 >= all * percent)
			return report->slot[i].pause_us;
	}
	return 0;
}
