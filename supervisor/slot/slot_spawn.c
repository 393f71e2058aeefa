/* SPDX-License-Identifier: ISC */
/*
 * Forks the keeper of a slot (see slot_spawn.h), with fresh memory unless it
 * takes the slot over from another.
 */
#include "supervisor/slot/slot_spawn.h"

#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "lib/random.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/supervisor.h"

static int
renew_memory(struct slot *slot)
{
	struct supervisor *sup = slot->sup;
	struct slot_memory_spec spec = {
		.kind = slot->kind,
		.slot = slot->number,
		.epoch = (uint32_t)slot->renewals,
		.arena_file = sup->arena.file,
		.arena_limit = sup->arena.limit,
		.nonce = random_u64() | 1, /* 0 means not known yet */
		.hash_key = sup->hash_key,
	};

	if (slot_is_gateway(slot)) {
		struct node_slot *counts =
		    &sup->node.shared->slot[slot->number];

		spec.capacity = sup->capacity.per_slot;
		/* The dead did not take back what they had counted. */
		node_slot_forget(counts);
		node_ip_clear(&sup->node, slot->number);
	}
	slot->nonce = spec.nonce;
	slot_memory_close(&slot->memory);
	slot->seen_unattributed = 0;
	slot->adoption_deaths = 0;
	slot->generation = 0;
	slot->served = false;
	crash_window_reset(&slot->crashes);
	return slot_memory_open(&slot->memory, &spec);
}

int
slot_spawn_log_fd(const struct supervisor *sup)
{
	return strcmp(sup->conf.settings.log.target, "syslog") == 0 ? -1 :
								      log_fd();
}

int
slot_spawn(struct slot *slot)
{
	struct supervisor *sup = slot->sup;
	struct slot_child_spec spec = {
		.program = worker_program_of(&sup->programs, slot->kind),
		.name = worker_program_name(slot->kind),
		.slot = slot->number,
		.log_fd = slot_spawn_log_fd(sup),
		.user = sup->user,
		.core_dumps = sup->conf.settings.worker.core_dumps,
	};
	int rc;

	rc = slot->takes_from != NULL ? slot_handoff_memory(slot) :
					renew_memory(slot);
	if (rc == 0)
		slot_set_keeper_log(slot);
	if (rc == 0)
		rc = slot_link_open(slot, &spec.channel);
	if (rc != 0)
		return rc;
	rc = slot_child_spawn(&spec, &slot->keeper.pid, &slot->keeper.pidfd);
	fd_close(&spec.channel);
	if (rc != 0)
		return rc;
	slot->group = slot->keeper.pid;
	slot->keeper_start = proc_start_time(slot->keeper.pid);
	slot->is_foreign = false;
	return slot_process_watch(&slot->keeper, slot);
}
