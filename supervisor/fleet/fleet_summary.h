/* SPDX-License-Identifier: ISC */
/*
 * What the leader says to all nodes, by way of Redis: it comes with each
 * renewal of the lease (fleet_lease.c), and holds while Redis is away.
 */
#ifndef HOLDFAST_FLEET_FLEET_SUMMARY_H
#define HOLDFAST_FLEET_FLEET_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/fleet/fleet_lead.h"
#include "supervisor/fleet/storm.h"

struct fleet_summary {
	bool is_known;
	uint64_t epoch;
	uint64_t held;
	uint64_t level;
	double effective;
	struct storm_notice storm;
	uint64_t at_ms;
	uint64_t expired; /* nodes without a lease */
	char hold[24];
	char leader[128];		 /* its node */
	char paused[FLEET_PAUSED_MAX];	 /* by whom and why; "": not */
	char missing[FLEET_MISSING_MAX]; /* who the expired are */
};

#endif
