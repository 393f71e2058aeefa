/* SPDX-License-Identifier: ISC */
/*
 * Limits of the members (see fleet_limits.h).
 */
#include "supervisor/fleet/fleet_limits.h"

#include <string.h>

void
fleet_limits_begin(struct fleet_limits *limits, uint64_t held, uint64_t level,
    uint64_t now_ms)
{
	high_water_init(&limits->water, held, now_ms);
	limits->settled_level = level;
	limits->has_copies = false;
}

/* A member's copy outlives Redis; but only the leader before us knew how far it
 * had fallen.  It falls with its age, and one of a node that is gone is of no
 * use: else the water would rise to it with each leader. */
static void
take_copies(struct fleet_limits *limits, const struct fleet_members *members,
    const struct fleet_limits_turn *turn)
{
	size_t i;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];
		struct high_water copy;

		if (!member_state_counts(member->said))
			continue;
		high_water_init(&copy, member->held, member->beat_ms);
		(void)high_water_note(&copy, 0, turn->redis_ms,
		    turn->half_life_ms);
		if (copy.held > limits->water.held) {
			limits->water.held = copy.held;
			limits->water.noted_ms = turn->now_ms;
		}
	}
	limits->has_copies = true;
}

static bool
is_other(const struct fleet_member *member, const char *but)
{
	return but == NULL || strcmp(member->id, but) != 0;
}

static bool
admits(const struct fleet_member *member, bool is_settled)
{
	return member->state == MEMBER_HEALTHY ||
	    member->state == MEMBER_JOINING ||
	    (member->state == MEMBER_SUSPECT && !is_settled);
}

uint64_t
fleet_limits_level(const struct fleet_members *members, const char *but,
    const struct blast_rules *rules, uint64_t held, bool is_settled)
{
	uint64_t wanted = blast_radius_wanted(rules, held);
	uint64_t capacity[FLEET_MEMBERS_MAX], level, with_draining;
	size_t i, n = 0;

	for (i = 0; i < members->count; i++) {
		if (admits(&members->all[i], is_settled) &&
		    is_other(&members->all[i], but))
			capacity[n++] = members->all[i].capacity;
	}
	level = blast_radius_level(capacity, n, wanted);
	/* A drain that waits still admits clients: where the others are too
	 * small they have no other place. */
	for (i = 0; i < members->count; i++) {
		if (members->all[i].state == MEMBER_DRAINING &&
		    is_other(&members->all[i], but))
			capacity[n++] = members->all[i].capacity;
	}
	with_draining = blast_radius_level(capacity, n, wanted);
	return level > with_draining ? level : with_draining;
}

/* Clients of a suspect node may be elsewhere by now, and would count twice: the
 * high water remembers them. */
static uint64_t
connections(const struct fleet_members *members)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (member_state_counts(member->state) &&
		    member->state != MEMBER_SUSPECT)
			total += member->count;
	}
	return total;
}

static uint64_t
level_now(struct fleet_limits *limits, const struct fleet_members *members,
    const struct fleet_limits_turn *turn)
{
	uint64_t level = fleet_limits_level(members, NULL, &turn->rules,
	    limits->held, turn->is_settled);

	/* The few who have written their leases again do not have to take
	 * everybody. */
	if (!turn->is_settled && level > limits->settled_level)
		return limits->settled_level;
	if (turn->is_settled)
		limits->settled_level = level;
	return level;
}

/* The limit that a member may go by until the next turn: the leader's, and its
 * own as long as it has not heard of that, or has a larger floor. */
static uint64_t
limit_of(const struct fleet_limits *limits, struct fleet_member *member,
    const struct fleet_limits_turn *turn)
{
	uint64_t limit = blast_radius_limit(&turn->rules, member->capacity,
	    limits->held, limits->level);

	member->limit = member->bound > 0 ? member->bound : limit;
	/* A suspect node takes no more. */
	if (member->state == MEMBER_SUSPECT && turn->is_settled)
		return 0;
	return limit > member->limit ? limit : member->limit;
}

size_t
fleet_limits_set(struct fleet_limits *limits, struct fleet_members *members,
    const struct fleet_limits_turn *turn)
{
	uint64_t of[FLEET_MEMBERS_MAX], counts[FLEET_MEMBERS_MAX];
	size_t i, n = 0;

	if (!limits->has_copies)
		take_copies(limits, members, turn);
	limits->held = high_water_note(&limits->water, connections(members),
	    turn->now_ms, turn->half_life_ms);
	limits->level = level_now(limits, members, turn);
	for (i = 0; i < members->count; i++) {
		struct fleet_member *member = &members->all[i];

		member->limit = 0;
		if (!member_state_counts(member->state))
			continue;
		of[n] = limit_of(limits, member, turn);
		counts[n++] = member->count;
	}
	limits->effective = blast_radius_effective(of, counts, n, limits->held);
	return n;
}
