/* SPDX-License-Identifier: ISC */
/*
 * What a storm means on this node: clients that are refused or drained are
 * told to come back within what is left of the window, and handshakes are as
 * many as fall to this node of what the load balancers can do.  The leader
 * announces it (fleet_bury.c).
 */
#ifndef HOLDFAST_FLEET_FLEET_STORM_H
#define HOLDFAST_FLEET_FLEET_STORM_H

#include <stddef.h>
#include <stdint.h>

struct fleet;
struct fleet_members;
struct supervisor;

/* A storm that the supervisor before us knew of goes on, until Redis says how
 * it stands. */
void fleet_storm_recall(struct fleet *fleet);

/* Milliseconds to the end of the window, 0 outside of one. */
uint64_t fleet_storm_left_ms(const struct supervisor *sup);

/* Handshakes a second meanwhile; 0: as configured. */
uint32_t fleet_storm_handshakes(const struct supervisor *sup);

/* Into the node's memory, where the gateways see it; each turn. */
void fleet_storm_apply(struct supervisor *sup);

/* What all members can do in handshakes a second, what they do, and the best
 * that each has been seen doing. */
struct fleet_handshakes {
	double budget;
	double now;
	double best;
	size_t unlimited; /* of these the budget is a guess */
};
struct fleet_handshakes fleet_storm_sum(const struct fleet_members *members);

/* A budget, also of a node that has set itself no limit: what it does at its
 * best is not known. */
double fleet_storm_budget(double budget);

#endif
