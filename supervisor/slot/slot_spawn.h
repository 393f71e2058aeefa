/* SPDX-License-Identifier: ISC */
/*
 * The birth of a slot's processes: memory, channels, the keeper.
 */
#ifndef HOLDFAST_SLOT_SLOT_SPAWN_H
#define HOLDFAST_SLOT_SLOT_SPAWN_H

#include "supervisor/slot/slot.h"

/* -errno: what was made by then is the slot's, and freed with it. */
int slot_spawn(struct slot *slot) __attribute__((warn_unused_result));
/* Where workers write their log; -1: to no fd of ours. */
int slot_spawn_log_fd(const struct supervisor *sup);

#endif
