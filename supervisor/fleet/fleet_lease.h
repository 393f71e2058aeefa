/* SPDX-License-Identifier: ISC */
/*
 * This node's own lease: renewed once a second, with what others must know of
 * it; the answer brings what the leader published.
 */
#ifndef HOLDFAST_FLEET_FLEET_LEASE_H
#define HOLDFAST_FLEET_FLEET_LEASE_H

#include <stdint.h>

#include "supervisor/fleet/member_fsm.h"

struct fleet;

/* Which incarnation we are: of the slots that live, or a new one. */
void fleet_lease_init(struct fleet *fleet);
void fleet_lease_tick(struct fleet *fleet, uint64_t now_ms);
/* What the lease says of this node. */
enum member_state fleet_lease_state(const struct fleet *fleet);
/* The slots may be started, if that has waited. */
void fleet_lease_admit(struct fleet *fleet);

#endif
