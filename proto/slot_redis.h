/* SPDX-License-Identifier: ISC */
/*
 * What a relay lets the supervisor see of its links to Redis: part of the slot
 * header.  Written by the relay's tenant.
 */
#ifndef HOLDFAST_PROTO_SLOT_REDIS_H
#define HOLDFAST_PROTO_SLOT_REDIS_H

#include <stdatomic.h>
#include <stdint.h>

enum slot_routes {
	SLOT_ROUTES_AWAY,    /* Redis is: nothing is written */
	SLOT_ROUTES_PURGING, /* what an earlier life left is removed */
	SLOT_ROUTES_WRITING, /* all tables are compared with Redis */
	SLOT_ROUTES_SYNCED,
	SLOT_ROUTES_MAX
};

/* How messages reach the node through Redis. */
enum slot_path { SLOT_PATH_CHANNEL, SLOT_PATH_INBOX, SLOT_PATH_MAX };

/* What the canary of a path says, see worker/relay/canary_fsm.h. */
enum slot_hearing {
	SLOT_HEARS,
	SLOT_HEARING_TRIED,   /* a canary is under way */
	SLOT_HEARING_RENEWED, /* it did not come: by new links, then */
	SLOT_DEAF,	      /* nor did that one */
	SLOT_HEARING_MAX
};

struct slot_path_state {
	_Atomic uint32_t hearing; /* enum slot_hearing */
	_Atomic uint32_t unused;
	_Atomic uint64_t since_ms; /* it has been that; CLOCK_MONOTONIC */
	_Atomic uint64_t lag_us;   /* of the last canary */
};

struct slot_redis {
	_Atomic uint32_t commands_up;
	_Atomic uint32_t pushes_up;
	_Atomic uint32_t routes; /* enum slot_routes */
	_Atomic uint32_t unused;
	_Atomic uint64_t routes_done; /* in the comparison under way */
	/* Where a tenant that gives the slot has ended on the channel, see
	 * worker/relay/changeover.h; number 0: nowhere that is known. */
	_Atomic uint64_t mark_token;
	_Atomic uint32_t mark_number;
	_Atomic uint32_t unused_too;
	/* Outlive the tenant: the next one is as deaf until it hears. */
	struct slot_path_state paths[SLOT_PATH_MAX];
};

const char *slot_routes_name(uint32_t);
const char *slot_path_name(uint32_t);
const char *slot_hearing_name(uint32_t);

#endif
