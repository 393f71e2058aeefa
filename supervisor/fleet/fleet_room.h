/* SPDX-License-Identifier: ISC */
/*
 * Can the other nodes take what one of them holds?  Pure: from the list of
 * members as the leader has published it.
 */
#ifndef HOLDFAST_FLEET_FLEET_ROOM_H
#define HOLDFAST_FLEET_FLEET_ROOM_H

#include <stdint.h>

#include "supervisor/fleet/blast_radius.h"
#include "supervisor/fleet/fleet_member.h"

enum fleet_absorb {
	FLEET_ABSORB_YES,
	FLEET_ABSORB_SLOWLY, /* handshakes take longer than the window */
	FLEET_ABSORB_NO,     /* there is not so much room */
	FLEET_ABSORB_ALONE,  /* there is no healthy peer */
	FLEET_ABSORB_MAX
};

struct fleet_room {
	uint32_t peers;	   /* healthy ones */
	uint64_t free;	   /* connections that they have room for */
	double handshakes; /* a second that they have to spare */
	uint64_t back_ms;  /* until all are back at that; UINT64_MAX: never */
	enum fleet_absorb absorb;
};

struct fleet_room_ask {
	const char *own;      /* the node that would drain */
	uint64_t connections; /* on it */
	uint64_t window_ms;   /* over which they are closed */
	double ceiling;	      /* handshakes a second of the load balancers, 0:
			       * any */
	struct blast_rules rules;
	uint64_t held; /* connections of the fleet that limits are made for */
};

struct fleet_room fleet_room_for(const struct fleet_members *members,
    const struct fleet_room_ask *ask);

const char *fleet_absorb_name(enum fleet_absorb absorb);

#endif
