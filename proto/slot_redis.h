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

struct slot_redis {
	_Atomic uint32_t commands_up;
	_Atomic uint32_t pushes_up;
	_Atomic uint32_t routes; /* enum slot_routes */
	_Atomic uint32_t unused;
	_Atomic uint64_t routes_done; /* in the comparison under way */
};

const char *slot_routes_name(uint32_t);

#endif
