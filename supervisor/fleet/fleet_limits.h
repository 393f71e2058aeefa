/* SPDX-License-Identifier: ISC */
/*
 * What the leader makes of a reading of all leases: how many connections the
 * fleet holds at most, the level that limits are filled to, and each member's
 * limit.  Pure.
 */
#ifndef HOLDFAST_FLEET_FLEET_LIMITS_H
#define HOLDFAST_FLEET_FLEET_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/fleet/blast_radius.h"
#include "supervisor/fleet/fleet_member.h"

struct fleet_limits {
	struct high_water water;
	bool has_copies; /* those of the members have been taken */
	uint64_t held;
	uint64_t level;
	double effective;
};

struct fleet_limits_turn {
	struct blast_rules rules;
	uint64_t half_life_ms;
	uint64_t now_ms;
};

/* A term begins with what its node knew. */
void fleet_limits_begin(struct fleet_limits *limits, uint64_t held,
    uint64_t now_ms);

/* Returns how many members count. */
size_t fleet_limits_set(struct fleet_limits *limits,
    struct fleet_members *members, const struct fleet_limits_turn *turn);

#endif
