/* SPDX-License-Identifier: ISC */
/*
 * Steps of lifecycle.c that drain_lease.c takes, too; nobody else does.
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
/* The closes begin. */
void lifecycle_start_closing(struct supervisor *sup);
/* Everybody, from now until the end of the drain's window. */
void lifecycle_go_on_closing(struct supervisor *sup);

#endif
