/* SPDX-License-Identifier: ISC */
/*
 * Drain leases (see drain_quota.h).
 */
#include "supervisor/fleet/drain_quota.h"

#include <string.h>

uint64_t
drain_quota_reserved(const struct drain_reservation *leases, size_t count,
    const char *node, uint64_t now_ms, size_t *out_others)
{
	uint64_t sum = 0;
	size_t i, others = 0;

	for (i = 0; i < count; i++) {
		if (leases[i].expires_ms <= now_ms ||
		    strcmp(leases[i].node, node) == 0)
			continue;
		others++;
		sum += leases[i].connections;
	}
	*out_others = others;
	return sum;
}

bool
drain_quota_grants(uint64_t reserved, size_t others, uint64_t mine,
    double max_draining, uint64_t held)
{
	if (others == 0)
		return true;
	return (double)reserved + (double)mine <= max_draining * (double)held;
}
