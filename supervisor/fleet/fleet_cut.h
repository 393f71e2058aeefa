/* SPDX-License-Identifier: ISC */
/*
 * When Redis does not answer: asks other nodes whether it answers them, and
 * acts on the verdict (partition.h).
 */
#ifndef HOLDFAST_FLEET_FLEET_CUT_H
#define HOLDFAST_FLEET_FLEET_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/fleet/partition.h"
#include "supervisor/fleet/peer_probe.h"

/* Of a large fleet so many are asked, others each time. */
#define FLEET_CUT_PEERS 5u

struct fleet;

struct fleet_cut_peer {
	struct fleet *fleet;	  /* borrowed */
	struct peer_probe *probe; /* NULL: none under way */
	char node[128];
	uint64_t told_ms; /* when it answered */
	struct peer_report report;
};

struct fleet_cut {
	struct partition state;
	uint64_t since_ms; /* of the verdict */
	uint64_t round_ms; /* when the peers were asked */
	bool is_judged;	   /* that round has been taken into account */
	bool is_over;	   /* and all of it has been heard */
	char witness[128]; /* who had Redis last; "": nobody */
	uint32_t asked;
	uint64_t saved;	  /* of the list on disk: a sum */
	bool has_drained; /* once for a verdict: an operator may undo it */
	struct fleet_cut_peer peers[FLEET_CUT_PEERS];
};

void fleet_cut_tick(struct fleet *fleet, uint64_t now_ms);
void fleet_cut_clear(struct fleet *fleet);

/* The last known list of members, for a start without Redis. */
void fleet_cut_load(struct fleet *fleet);
void fleet_cut_save(struct fleet *fleet, const char *text, size_t len);

#endif
