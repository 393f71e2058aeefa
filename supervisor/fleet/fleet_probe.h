/* SPDX-License-Identifier: ISC */
/*
 * Probes of members' peer ports, a few at a time and of each member at most
 * one: the leader's own (fleet_bury.c) and those for it (fleet_observe.c).
 */
#ifndef HOLDFAST_FLEET_FLEET_PROBE_H
#define HOLDFAST_FLEET_FLEET_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/fleet/peer_probe.h"

struct fleet;
struct fleet_member;

struct fleet_probe {
	struct fleet *fleet;	  /* borrowed */
	struct peer_probe *probe; /* NULL: free */
	char node[128];
	uint64_t incarnation;
	uint64_t beat_ms; /* of its lease, as the leader had read it */
};

/* Probes the member unless it is being probed, or all are taken.  cb gets the
 * struct fleet_probe, and sets its probe to NULL. */
void fleet_probe_start(struct fleet *fleet, struct fleet_probe *all,
    size_t count, const struct fleet_member *member, uint64_t incarnation,
    peer_probe_cb *cb);
/* What it says of the life that was probed. */
enum peer_probe_result fleet_probe_judge(const struct fleet_probe *one,
    enum peer_probe_result result, const struct peer_line *line);
/* All of them, without a call. */
void fleet_probe_cancel(struct fleet_probe *all, size_t count);

#endif
