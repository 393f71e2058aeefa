/* SPDX-License-Identifier: ISC */
/*
 * Permission of the fleet to move many connections at once: drain leases,
 * counted in connections, in {fleet}:drains, and upgrade leases, counted in
 * nodes, in {fleet}:upgrades.  A permit follows what the node does: it is
 * asked for while the node wants to drain or drains, renewed while it lasts,
 * given back afterwards; whoever does not renew it loses it.  The relay renews
 * it, too, so that it outlives a supervisor.
 */
#ifndef HOLDFAST_FLEET_FLEET_PERMIT_H
#define HOLDFAST_FLEET_FLEET_PERMIT_H

#include <stdbool.h>
#include <stdint.h>

struct fleet;
struct supervisor;

struct fleet_permit {
	uint64_t mark;	    /* of the drain that it is for; 0: none is wanted */
	uint64_t sent_mark; /* of the request under way */
	uint64_t sent_ms;
	uint64_t next_ms;
	uint64_t reserved; /* by others, as of the last answer */
	uint64_t others;
	bool is_asking;
	bool is_granted;
	bool is_denied; /* and that has been told */
};

/* What became of a wish to upgrade. */
enum fleet_verdict {
	FLEET_GRANTED,
	FLEET_DENIED,
	FLEET_UNHEARD /* Redis has not said */
};

typedef void fleet_permit_cb(struct supervisor *sup, enum fleet_verdict verdict,
    uint64_t others, void *arg);

/* Each turn, and when the node's state has changed.  Calls drain_lease.h. */
void fleet_permit_tick(struct fleet *fleet, uint64_t now_ms);
/* The node stops: others may go on. */
void fleet_permit_leave(struct fleet *fleet);

/* May this node upgrade now?  Calls back once, later.  -errno: Redis cannot be
 * asked, and there is no call. */
int fleet_permit_upgrade(struct fleet *fleet, fleet_permit_cb *cb, void *arg);

#endif
