/* SPDX-License-Identifier: ISC */
/*
 * What the leader makes of a reading of all leases: who is suspect, how many
 * connections each may hold, and the summary that tells everybody.
 */
#ifndef HOLDFAST_FLEET_FLEET_READ_H
#define HOLDFAST_FLEET_FLEET_READ_H

#include <stdint.h>

struct fleet;
struct redisReply;

void fleet_read(struct fleet *fleet, const struct redisReply *reply,
    uint64_t now_ms);

#endif
