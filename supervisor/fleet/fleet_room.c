/* SPDX-License-Identifier: ISC */
/*
 * Room of the peers (see fleet_room.h).  A peer has room up to the limit that
 * it gets in the fleet when the node is gone from it, which is not above its
 * capacity; a node that joins, drains or is suspect is not counted on.  The
 * handshakes to spare are those of a storm.
 */
#include "supervisor/fleet/fleet_room.h"

#include <string.h>

#include "supervisor/fleet/fleet_limits.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/fleet/storm.h"

static uint64_t
free_of(const struct fleet_member *member, const struct fleet_room_ask *ask,
    uint64_t level)
{
	uint64_t limit = blast_radius_limit(&ask->rules, member->capacity,
	    ask->held, level);

	/* No limit has been published yet: what it says of itself. */
	if (member->limit == 0)
		limit = member->capacity;
	else if (member->limit > limit)
		limit = member->limit;
	return limit > member->count ? limit - member->count : 0;
}

static enum fleet_absorb
verdict(const struct fleet_room *room, uint64_t connections, uint64_t window_ms)
{
	if (room->peers == 0)
		return FLEET_ABSORB_ALONE;
	if (room->free < connections)
		return FLEET_ABSORB_NO;
	return room->back_ms > window_ms ? FLEET_ABSORB_SLOWLY :
					   FLEET_ABSORB_YES;
}

struct fleet_room
fleet_room_for(const struct fleet_members *members,
    const struct fleet_room_ask *ask)
{
	uint64_t level = fleet_limits_level(members, ask->own, &ask->rules,
	    ask->held, true);
	struct storm_survivor survivors[FLEET_MEMBERS_MAX];
	struct fleet_room room = { 0 };
	double ms;
	size_t i;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (member->state != MEMBER_HEALTHY ||
		    strcmp(member->id, ask->own) == 0)
			continue;
		room.free += free_of(member, ask, level);
		survivors[room.peers].budget = fleet_storm_budget(
		    member->budget);
		survivors[room.peers++].rate = member->rate;
	}
	room.handshakes = storm_spare(survivors, room.peers, ask->ceiling);
	room.back_ms = ask->connections > 0 ? UINT64_MAX : 0;
	if (ask->connections > 0 && room.handshakes > 0) {
		ms = (double)ask->connections * 1000 / room.handshakes;
		room.back_ms = ms < 1e15 ? (uint64_t)ms + 1 : UINT64_MAX;
	}
	room.absorb = verdict(&room, ask->connections, ask->window_ms);
	return room;
}

const char *
fleet_absorb_name(enum fleet_absorb absorb)
{
	static const char *const names[FLEET_ABSORB_MAX] = {
		[FLEET_ABSORB_YES] = "yes",
		[FLEET_ABSORB_SLOWLY] = "slowly",
		[FLEET_ABSORB_NO] = "no",
		[FLEET_ABSORB_ALONE] = "alone",
	};

	return absorb < FLEET_ABSORB_MAX ? names[absorb] : "?";
}
