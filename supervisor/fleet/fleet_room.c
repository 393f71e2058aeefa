/* SPDX-License-Identifier: ISC */
/*
 * Room of the peers (see fleet_room.h).  A peer has room up to its limit in the
 * fleet, which is not above its capacity; a node that joins, drains or is
 * suspect is not counted on.  The handshakes to spare are what a peer can do
 * less what it does now.
 */
#include "supervisor/fleet/fleet_room.h"

#include <string.h>

#include "supervisor/fleet/fleet_storm.h"

static uint64_t
free_of(const struct fleet_member *member)
{
	/* No limit has been published yet: what it says of itself. */
	uint64_t limit = member->limit > 0 ? member->limit : member->capacity;

	return limit > member->count ? limit - member->count : 0;
}

static double
spare_of(const struct fleet_member *member)
{
	double spare = fleet_storm_budget(member->budget) - member->rate;

	return spare > 0 ? spare : 0;
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
fleet_room_for(const struct fleet_members *members, const char *own,
    uint64_t connections, uint64_t window_ms, double ceiling)
{
	struct fleet_room room = { 0 };
	double ms;
	size_t i;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (member->state != MEMBER_HEALTHY ||
		    strcmp(member->id, own) == 0)
			continue;
		room.peers++;
		room.free += free_of(member);
		room.handshakes += spare_of(member);
	}
	if (ceiling > 0 && room.handshakes > ceiling)
		room.handshakes = ceiling;
	room.back_ms = connections > 0 ? UINT64_MAX : 0;
	if (connections > 0 && room.handshakes > 0) {
		ms = (double)connections * 1000 / room.handshakes;
		room.back_ms = ms < 1e15 ? (uint64_t)ms + 1 : UINT64_MAX;
	}
	room.absorb = verdict(&room, connections, window_ms);
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
