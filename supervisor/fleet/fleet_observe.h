/* SPDX-License-Identifier: ISC */
/*
 * A second opinion before a node is declared dead: the leader asks another
 * node, by way of Redis ({fleet}:asks), to probe the peer port, and reads what
 * that one saw ({fleet}:seen).  A leader that cannot reach a node which
 * everybody else can is no reason to purge its routes.  Where there is no
 * other node, or it says nothing, the leader decides alone.
 */
#ifndef HOLDFAST_FLEET_FLEET_OBSERVE_H
#define HOLDFAST_FLEET_FLEET_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/fleet/fleet_probe.h"

#define FLEET_OBSERVE_MAX 4u

struct fleet;
struct fleet_member;
struct redisReply;

/* ---- the leader */

/* Each reading: asks for those who are late, forgets those who are not. */
void fleet_observe_judge(struct fleet *fleet, uint64_t redis_ms,
    uint64_t now_ms);
/* May it be declared dead, as far as others have seen?  What they have, as a
 * text that is appended. */
bool fleet_observe_agrees(struct fleet *fleet, struct fleet_member *member,
    char *out_text, size_t size);

/* ---- everybody */

/* {node, "incarnation observer", ...} */
void fleet_observe_take(struct fleet *fleet, const struct redisReply *asks);
void fleet_observe_clear(struct fleet *fleet);

#endif
