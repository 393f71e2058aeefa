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
	uint64_t settled_level; /* not exceeded while leases are missing */
	double effective;
};

struct fleet_limits_turn {
	struct blast_rules rules;
	uint64_t half_life_ms;
	bool is_settled; /* who lives has had the time to renew its lease */
	uint64_t redis_ms;
	uint64_t now_ms;
};

/* A term begins with what its node knew; level UINT64_MAX: nothing. */
void fleet_limits_begin(struct fleet_limits *limits, uint64_t held,
    uint64_t level, uint64_t now_ms);

/* Returns how many members count. */
size_t fleet_limits_set(struct fleet_limits *limits,
    struct fleet_members *members, const struct fleet_limits_turn *turn);

/*
 * The level at which those that admit clients, but for one node (NULL: none),
 * have room for `held` and the slack.  A suspect node does not admit any,
 * unless its lease is late for a reason that all share: !is_settled.
 */
uint64_t fleet_limits_level(const struct fleet_members *members,
    const char *but, const struct blast_rules *rules, uint64_t held,
    bool is_settled);

#endif
