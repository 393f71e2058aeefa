/* SPDX-License-Identifier: ISC */
/*
 * The node's capacity (see node_capacity.h).
 */
#include "supervisor/node_capacity.h"

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"

static void
compute(struct supervisor *sup, uint32_t slots)
{
	const struct settings *set = &sup->conf.settings;
	struct capacity_input in = {
		.nofile = sup->nofile,
		.slots = slots,
		.listeners = set->listen_count,
		.wanted = set->node.capacity,
	};

	sup->capacity = capacity_compute(&in);
	sup->arena = capacity_arena(set->memory.max_arena, sup->gateways);
}

void
node_capacity_plan(struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	int rc = fd_raise_nofile(&sup->nofile);

	if (rc != 0) {
		log_warn("nofile_unknown", "1024 is assumed", log_errno(rc));
		sup->nofile = 1024;
	}
	sup->gateways = set->node.workers;
	compute(sup, sup->gateways);
	if (sup->conf.asked_arena != 0)
		log_warn("arena_lowered",
		    "memory.max_arena is half of the control group's limit",
		    log_uint("configured", sup->conf.asked_arena),
		    log_uint("effective", set->memory.max_arena));
	if (sup->capacity.node < set->node.capacity)
		log_warn("capacity_lowered",
		    "the limit of open files does not allow node.capacity",
		    log_uint("configured", set->node.capacity),
		    log_uint("effective", sup->capacity.node),
		    log_uint("nofile", sup->nofile),
		    log_uint("slots", sup->gateways),
		    log_uint("reserved_per_slot", sup->capacity.reserve),
		    log_uint("nofile_needed", sup->capacity.nofile_needed));
}

/* Connections that the tables there are have room for: they were made for the
 * node.capacity of their time. */
static uint64_t
room_in_tables(const struct supervisor *sup)
{
	uint64_t room = 0;
	uint32_t i;

	for (i = 0; i < sup->gateways && i < sup->slot_count; i++) {
		const struct table *table = &sup->slots[i]->memory.table;
		uint32_t records = table->header != NULL ?
		    table->capacity :
		    sup->capacity.per_slot;

		if (!sup->slots[i]->leaving && records > CAPACITY_SLOT_SPARE)
			room += records - CAPACITY_SLOT_SPARE;
	}
	return room;
}

void
node_capacity_apply(struct supervisor *sup)
{
	uint64_t room;
	uint32_t i;

	/* Before the slots are made there are none yet. */
	compute(sup,
	    sup->slot_count == 0 ? sup->gateways : resizer_staying(sup));
	room = room_in_tables(sup);
	if (room > 0 && sup->capacity.node > room)
		sup->capacity.node = (uint32_t)room;
	fleet_apply(sup);
	for (i = 0; i < sup->gateways && i < sup->slot_count; i++) {
		struct slot_header *header = sup->slots[i]->memory.table.header;

		if (header != NULL)
			atomic_store(&header->arena_limit_kib,
			    (uint32_t)(sup->arena.limit / 1024));
	}
}
