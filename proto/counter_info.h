/* SPDX-License-Identifier: ISC */
/*
 * The table behind /metrics: metric name, labels and help text of each counter
 * and histogram of a slot.
 */
#ifndef HOLDFAST_PROTO_COUNTER_INFO_H
#define HOLDFAST_PROTO_COUNTER_INFO_H

#include "proto/counters.h"

struct counter_info {
	const char *metric; /* without the "holdfast_" prefix and "_total" */
	const char *labels; /* `result="ok"`, or NULL */
	const char *help;
};

const struct counter_info *counter_info(enum counter c);
const char *counter_histogram_metric(enum slot_histogram h);
const char *counter_histogram_help(enum slot_histogram h);

#endif
