/* SPDX-License-Identifier: ISC */
/*
 * Steps of lifecycle.c that drain_lease.c and lifecycle_stop.c take, too, and
 * those of lifecycle_stop.c; nobody else takes them.
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
/* Has the slot connections, and a process that can end them? */
bool lifecycle_has_left(const struct supervisor *sup, const struct slot *slot);

/* In LIFECYCLE_STOPPING: its begin, a slot that has changed or serves again,
 * and the end of all waiting for a step. */
void lifecycle_stop_begin(struct supervisor *sup);
void lifecycle_stop_go_on(struct supervisor *sup);
void lifecycle_stop_slot_up(struct supervisor *sup, const struct slot *slot);
void lifecycle_stop_hurry(struct supervisor *sup);

#endif
