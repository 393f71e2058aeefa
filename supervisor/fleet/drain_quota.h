/* SPDX-License-Identifier: ISC */
/*
 * How many connections of a fleet may be on the move at once: drain leases,
 * counted in reserved connections.  Pure.  The script that grants a lease in
 * Redis decides by the same rule.
 */
#ifndef HOLDFAST_FLEET_DRAIN_QUOTA_H
#define HOLDFAST_FLEET_DRAIN_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain_reservation {
	const char *node; /* borrowed */
	uint64_t connections;
	uint64_t expires_ms;
};

/* What others than `node` hold at now_ms, and how many of them there are. */
uint64_t drain_quota_reserved(const struct drain_reservation *leases,
    size_t count, const char *node, uint64_t now_ms, size_t *out_others);

/* May `mine` be drained beside what others reserved?  Always when there are no
 * others, or a node above the quota could never be drained. */
bool drain_quota_grants(uint64_t reserved, size_t others, uint64_t mine,
    double max_draining, uint64_t held);

#endif
