/* SPDX-License-Identifier: ISC */
/*
 * How far the node's drain is: the one answer that `holdfastctl drain --wait`,
 * status, top and the metrics give.
 */
#ifndef HOLDFAST_SUPERVISOR_DRAIN_PROGRESS_H
#define HOLDFAST_SUPERVISOR_DRAIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

struct drain_progress {
	bool is_under_way; /* or has emptied the node; false: all zeros */
	bool is_empty;
	uint32_t left;
	uint32_t total; /* that there were when it began, or more */
	uint32_t cut_off;
	uint64_t eta_ms;   /* until the last close */
	uint64_t begin_ms; /* of the closes, monotonic as the next */
	uint64_t end_ms;   /* when what is left is cut off */
	double rate;	   /* closes a second from now on */
};

void drain_progress_get(const struct supervisor *sup,
    struct drain_progress *out);

#endif
