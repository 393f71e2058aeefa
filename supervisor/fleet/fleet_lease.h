/* SPDX-License-Identifier: ISC */
/*
 * This node's own lease: renewed once a second, with what others must know of
 * it; the answer brings what the leader published.
 */
#ifndef HOLDFAST_FLEET_FLEET_LEASE_H
#define HOLDFAST_FLEET_FLEET_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/fleet/member_fsm.h"

struct fleet;
struct supervisor;

/* What is due within half of it is done in this turn, not in the next one. */
#define FLEET_TICK_MS 250u

/* Which incarnation we are: of the slots that live, or a new one. */
void fleet_lease_init(struct fleet *fleet);
void fleet_lease_tick(struct fleet *fleet, uint64_t now_ms);
/* Since when a renewal is due, by our clock; 0: there was no link yet. */
uint64_t fleet_lease_due_since(const struct fleet *fleet);
/* What the lease says of this node. */
enum member_state fleet_lease_state(const struct fleet *fleet);
/* The slots may be started, if that has waited. */
void fleet_lease_admit(struct fleet *fleet);
/* Has another node our id? */
bool fleet_is_taken(const struct supervisor *sup);

#endif
