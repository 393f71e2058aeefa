/* SPDX-License-Identifier: ISC */
/*
 * The nodes of a fleet as the API tells of them: what the leader has published
 * of the others, and this one as it is now.  Pure, but for memory.  The list
 * comes from Redis, where others may have written it: what cannot be is left
 * out.
 */
#ifndef HOLDFAST_RELAY_FLEET_NODES_H
#define HOLDFAST_RELAY_FLEET_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define FLEET_NODES_MAX 2000u

struct fleet_nodes_own {
	const char *id; /* borrowed, as is the next */
	const char *region;
	bool is_draining;
	uint32_t connections;
	uint32_t open;
	uint32_t limit;
	uint32_t slots;
	uint64_t incarnation;
};

/* Of this node alone, which is a fleet of one; NULL: no memory. */
json_t *fleet_nodes_alone(const struct fleet_nodes_own *own);

/* Of all: text is the member `nodes' of {fleet}:summary, age_ms old.  NULL: it
 * is no such list, or there is no memory. */
json_t *fleet_nodes_all(const struct fleet_nodes_own *own, const char *text,
    size_t len, uint64_t age_ms);

#endif
