/* SPDX-License-Identifier: ISC */
/*
 * What deafness means for the node (see fleet_deaf.h).
 */
#include "supervisor/fleet/fleet_deaf.h"

#include "lib/clock.h"
#include "supervisor/supervisor.h"

const struct slot_redis *
fleet_deaf_state(const struct supervisor *sup)
{
	const struct slot_memory *memory;

	if (sup->fleet == NULL || sup->relay == NULL)
		return NULL;
	memory = &sup->relay->memory;
	if (memory->table.header == NULL || memory->table.is_foreign)
		return NULL;
	return &memory->table.header->redis;
}

bool
fleet_is_deaf(const struct supervisor *sup, enum slot_path *out)
{
	const struct slot_redis *redis = fleet_deaf_state(sup);
	uint64_t grace_ms = 2 * sup->conf.settings.redis.deaf_after_ms;
	const struct fleet *fleet = sup->fleet;

	if (redis == NULL || fleet->cut.state.verdict != PARTITION_NONE ||
	    clock_mono_ms() - fleet->cut.since_ms < grace_ms)
		return false;
	for (int i = 0; i < SLOT_PATH_MAX; i++) {
		const struct slot_path_state *path = &redis->paths[i];

		if (atomic_load(&path->hearing) != SLOT_DEAF)
			continue;
		/* It takes a while to see that Redis is silent. */
		if (fleet->heard_ms <= atomic_load(&path->since_ms))
			continue;
		*out = (enum slot_path)i;
		return true;
	}
	return false;
}
