/* SPDX-License-Identifier: ISC */
/*
 * Steps that lifecycle.c, lifecycle_stop.c, lifecycle_end.c and drain_lease.c
 * take for one another; nobody else does.
 */
#ifndef HOLDFAST_SUPERVISOR_LIFECYCLE_PARTS_H
#define HOLDFAST_SUPERVISOR_LIFECYCLE_PARTS_H

#include <stdint.h>

#include "supervisor/lifecycle.h"

/* The deadline, a moment of the monotonic clock. */
void lifecycle_arm(struct supervisor *sup, uint64_t until_ms);
/* What the supervisor after us has to know. */
void lifecycle_save(struct supervisor *sup);
void lifecycle_enter(struct supervisor *sup, enum lifecycle_state state);
/* The closes begin now, and have all of the drain's window. */
void lifecycle_start_closing(struct supervisor *sup);
/* Everybody, from now until the end of the drain's window. */
void lifecycle_go_on_closing(struct supervisor *sup);
/* Close frames now; seconds later the end. */
void lifecycle_close_now(struct supervisor *sup, uint32_t code);

/* First the load balancers: they see that we are not ready, and while they
 * have not seen it yet, what they send is served. */
void lifecycle_begin(struct supervisor *sup, const struct drain_plan *plan);
/* A drain under way gets another end. */
void lifecycle_change_pace(struct supervisor *sup,
    const struct drain_plan *plan);
/* If everybody has gone. */
void lifecycle_end_drain(struct supervisor *sup);

void lifecycle_stop_workers(struct supervisor *sup);
/* Has the slot connections, and a process that can end them? */
bool lifecycle_has_left(const struct supervisor *sup, const struct slot *slot);

/* In LIFECYCLE_STOPPING: its begin, a slot that has changed or serves again,
 * and the end of all waiting for a step. */
void lifecycle_end_begin(struct supervisor *sup);
void lifecycle_end_go_on(struct supervisor *sup);
void lifecycle_end_slot_up(struct supervisor *sup, const struct slot *slot);
void lifecycle_end_hurry(struct supervisor *sup);

#endif
