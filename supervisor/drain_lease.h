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

struct supervisor;

/* Load balancers have had their time: closes, now or once it is granted. */
void drain_lease_seek(struct supervisor *sup);

/* The fleet says yes, for the first time or again. */
void drain_lease_granted(struct supervisor *sup);
/* If it has not said so in time, others may soon take our place. */
void drain_lease_check(struct supervisor *sup);
/* A drain is restored: how it stood with the supervisor before us. */
void drain_lease_restore(struct supervisor *sup);

/* Which drain needs it now; 0: none. */
uint64_t drain_lease_wanted(const struct supervisor *sup);
/* It goes on without. */
bool drain_lease_is_forced(const struct supervisor *sup);

/* "none", "waiting", "held", "paused" or "forced". */
const char *drain_lease_name(const struct supervisor *sup);

#endif
