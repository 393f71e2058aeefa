/* SPDX-License-Identifier: ISC */
/*
 * What a slot measures, beside what it counts.  The order is part of the slot's
 * layout.
 */
#ifndef HOLDFAST_PROTO_SLOT_HISTOGRAM_H
#define HOLDFAST_PROTO_SLOT_HISTOGRAM_H

enum slot_histogram {
	HISTOGRAM_PING_US,
	HISTOGRAM_LOOP_LAG_US,	  /* time of one loop turn */
	HISTOGRAM_RECOVERY_US,	  /* death to serving */
	HISTOGRAM_DISPATCH_US,	  /* relay: API request to receipt */
	HISTOGRAM_CHANNEL_LAG_US, /* relay: of canaries */
	HISTOGRAM_INBOX_LAG_US,
	HISTOGRAM_MAX
};

#endif
