/* SPDX-License-Identifier: ISC */
/*
 * Is this node deaf, and is that a reason to send clients elsewhere?  The relay
 * tells what its canaries say; here is how much that counts beside the
 * partition verdict, which outranks it.
 */
#ifndef HOLDFAST_FLEET_FLEET_DEAF_H
#define HOLDFAST_FLEET_FLEET_DEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/slot_redis.h"

struct supervisor;

/* Of the relay; NULL: none, or it cannot be read. */
const struct slot_redis *fleet_deaf_state(const struct supervisor *sup);

/* Not ready for it?  Not while Redis does not answer us either, nor until the
 * relay has had time to come back after that.  out: by which path. */
bool fleet_is_deaf(const struct supervisor *sup, enum slot_path *out);

#endif
