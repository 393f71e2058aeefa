/* SPDX-License-Identifier: ISC */
/*
 * How long connections were not served while their slots moved: every
 * connection of a slot waits for as long as the slot.  Pure.
 */
#ifndef HOLDFAST_SLOT_PAUSE_REPORT_H
#define HOLDFAST_SLOT_PAUSE_REPORT_H

#include <stdint.h>

#include "proto/slot.h"

struct pause_report {
	uint32_t count; /* of slots */
	struct {
		uint64_t pause_us;
		uint64_t connections;
	} slot[SLOT_MAX_WORKERS]; /* shortest pause first */
};

/* One slot; those without connections, or too many, count for nothing. */
void pause_report_add(struct pause_report *report, uint64_t connections,
    uint64_t pause_us);
uint64_t pause_report_connections(const struct pause_report *report);
/* The pause that so many percent of the connections did not exceed; 0 when
 * there is none. */
uint64_t pause_report_percentile(const struct pause_report *report,
    unsigned percent);

#endif
