/* SPDX-License-Identifier: ISC */
/*
 * Limits of the members (see fleet_limits.h).
 */
#include "supervisor/fleet/fleet_limits.h"

void
fleet_limits_begin(struct fleet_limits *limits, uint64_t held, uint64_t now_ms)
{
	high_water_init(&limits->water, held, now_ms);
	limits->has_copies = false;
}

/* A member's copy outlives Redis; but only the leader before us knew how far it
 * had fallen. */
static void
take_copies(struct fleet_limits *limits, const struct fleet_members *members,
    uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < members->count; i++) {
		uint64_t held = members->all[i].held;

		if (held > (uint64_t)limits->water.held)
			high_water_init(&limits->water, held, now_ms);
	}
	limits->has_copies = true;
}

static uint64_t
level_for(const struct fleet_members *members, uint64_t wanted)
{
	uint64_t capacity[FLEET_MEMBERS_MAX];
	size_t i, n = 0;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (member_state_counts(member->state))
			capacity[n++] = member->capacity;
	}
	return blast_radius_level(capacity, n, wanted);
}

size_t
fleet_limits_set(struct fleet_limits *limits, struct fleet_members *members,
    const struct fleet_limits_turn *turn)
{
	uint64_t of[FLEET_MEMBERS_MAX], counts[FLEET_MEMBERS_MAX], total = 0;
	size_t i, n = 0;

	if (!limits->has_copies)
		take_copies(limits, members, turn->now_ms);
	for (i = 0; i < members->count; i++) {
		if (member_state_counts(members->all[i].state))
			total += members->all[i].count;
	}
	limits->held = high_water_note(&limits->water, total, turn->now_ms,
	    turn->half_life_ms);
	limits->level = level_for(members,
	    blast_radius_wanted(&turn->rules, limits->held));
	for (i = 0; i < members->count; i++) {
		struct fleet_member *member = &members->all[i];

		member->limit = 0;
		if (!member_state_counts(member->state))
			continue;
		member->limit = blast_radius_limit(&turn->rules,
		    member->capacity, limits->held, limits->level);
		of[n] = member->limit;
		counts[n++] = member->count;
	}
	limits->effective = blast_radius_effective(of, counts, n, limits->held);
	return n;
}
