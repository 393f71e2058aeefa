/* SPDX-License-Identifier: ISC */
/*
 * A drain and the fleet's permission for it: waits for it when load balancers
 * have had their time, stands still when it can no longer be renewed, goes on
 * when it can again.  A node that stops waits for drain.lease_wait at most.
 * Without a fleet nobody is asked.
 */
#ifndef HOLDFAST_SUPERVISOR_DRAIN_LEASE_H
#define HOLDFAST_SUPERVISOR_DRAIN_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/drain_lease_fsm.h"

struct supervisor;

/* Carries the action out, too. */
void drain_lease_feed(struct supervisor *sup, enum drain_lease_event event);

/* Load balancers have had their time: closes, now or once it is granted. */
void drain_lease_seek(struct supervisor *sup);

/* If the fleet has not said yes in time, others may soon take our place. */
void drain_lease_check(struct supervisor *sup);
/* A drain is restored: how it stood with the supervisor before us. */
void drain_lease_restore(struct supervisor *sup);

/* Which drain needs it now; 0: none. */
uint64_t drain_lease_wanted(const struct supervisor *sup);
/* It goes on without. */
bool drain_lease_is_forced(const struct supervisor *sup);

/* For people: NONE while nothing needs it. */
enum drain_lease drain_lease_shown(const struct supervisor *sup);

#endif
