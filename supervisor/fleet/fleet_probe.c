/* SPDX-License-Identifier: ISC */
/*
 * Who is being probed (see fleet_probe.h).
 */
#include "supervisor/fleet/fleet_probe.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/supervisor.h"

#define PROBE_MS 1000u

void
fleet_probe_start(struct fleet *fleet, struct fleet_probe *all, size_t count,
    const struct fleet_member *member, uint64_t incarnation, peer_probe_cb *cb)
{
	struct fleet_probe *free_one = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (all[i].probe == NULL)
			free_one = &all[i];
		else if (strcmp(all[i].node, member->id) == 0)
			return;
	}
	if (free_one == NULL)
		return;
	free_one->fleet = fleet;
	free_one->incarnation = incarnation;
	free_one->beat_ms = member->beat_ms;
	(void)snprintf(free_one->node, sizeof(free_one->node), "%s",
	    member->id);
	(void)!peer_probe_start(fleet->sup->base, member->address, member->port,
	    PROBE_MS, cb, free_one, &free_one->probe);
}

enum peer_probe_result
fleet_probe_judge(const struct fleet_probe *one, enum peer_probe_result result,
    const struct peer_line *line)
{
	if (result != PEER_PROBE_ANSWERED ||
	    line->incarnation == one->incarnation)
		return result;
	/* We have asked ourselves: its address is one of ours here, whatever it
	 * is elsewhere.  Else another life of the node has its address now, or
	 * another node. */
	return line->incarnation == one->fleet->incarnation ?
	    PEER_PROBE_ERROR :
	    PEER_PROBE_REFUSED;
}

void
fleet_probe_cancel(struct fleet_probe *all, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		peer_probe_cancel(all[i].probe);
		all[i].probe = NULL;
	}
}
