/* SPDX-License-Identifier: ISC */
/*
 * status and workers on the control socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "supervisor/control/control.h"
#include "supervisor/fleet/fleet_deaf.h"
#include "supervisor/proc_stat.h"
#include "supervisor/supervisor.h"

static void
add_port(json_t *list, bool is_open, const char *address, uint16_t port,
    const char *purpose)
{
	if (is_open)
		json_array_append_new(list,
		    json_pack("{s:s, s:i, s:s}", "address", address, "port",
			(int)port, "for", purpose));
}

static void
add_listener(json_t *list, const struct listener *listener, const char *purpose)
{
	add_port(list, listener->fd != -1, listener->address, listener->port,
	    purpose);
}

static json_t *
listeners_json(const struct supervisor *sup)
{
	const struct listener_set *set = &sup->listeners;
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < set->count; i++)
		add_listener(list, &set->clients[i], "clients");
	add_listener(list, &set->api, "api");
	add_listener(list, &set->admin, "admin");
	add_listener(list, &set->agent, "agent");
	add_listener(list, &set->peers, "peers");
	return list;
}

static uint32_t
open_connections(const struct supervisor *sup)
{
	uint32_t i, sum = 0;

	for (i = 0; i < sup->gateways; i++)
		sum += atomic_load(&sup->node.shared->slot[i].open);
	return sum;
}

static uint64_t
restarts(const struct supervisor *sup)
{
	return rates_counter(sup, COUNTER_RESTART_EXIT) +
	    rates_counter(sup, COUNTER_RESTART_KILLED) +
	    rates_counter(sup, COUNTER_RESTART_FAULT) +
	    rates_counter(sup, COUNTER_RESTART_STALL);
}

static void
add_rates(json_t *status, const struct rates *rates)
{
	static const char *const names[RATE_MAX] = {
		[RATE_HANDSHAKES] = "handshakes_per_second",
		[RATE_MESSAGES_IN] = "messages_in_per_second",
		[RATE_MESSAGES_OUT] = "messages_out_per_second",
		[RATE_BYTES_IN] = "bytes_in_per_second",
		[RATE_BYTES_OUT] = "bytes_out_per_second",
	};
	unsigned i;

	for (i = 0; i < RATE_MAX; i++)
		json_object_set_new(status, names[i],
		    json_real(rates->per_second[i]));
}

/* What the canary of a path says. */
static json_t *
path_json(const struct slot_path_state *path)
{
	return json_pack("{s:s, s:I}", "hearing",
	    slot_hearing_name(atomic_load(&path->hearing)), "lag_us",
	    (json_int_t)atomic_load(&path->lag_us));
}

/* The relay's links, null without redis.url. */
static json_t *
redis_json(const struct supervisor *sup)
{
	const struct slot_redis *redis = fleet_deaf_state(sup);
	enum slot_path path;

	if (redis == NULL)
		return json_null();
	return json_pack("{s:b, s:b, s:s, s:I, s:I, s:o, s:o, s:b}",
	    "connected", atomic_load(&redis->commands_up) != 0, "subscribed",
	    atomic_load(&redis->pushes_up) != 0, "routes",
	    slot_routes_name(atomic_load(&redis->routes)), "routes_done",
	    (json_int_t)atomic_load(&redis->routes_done), "routes_total",
	    (json_int_t)open_connections(sup), "channel",
	    path_json(&redis->paths[SLOT_PATH_CHANNEL]), "inbox",
	    path_json(&redis->paths[SLOT_PATH_INBOX]), "deaf",
	    fleet_is_deaf(sup, &path));
}

void
control_run_status(struct control_call *call)
{
	const struct supervisor *sup = call->sup;
	const struct settings *set = &sup->conf.settings;
	json_t *status;

	status = json_pack("{s:s, s:o, s:o, s:i, s:I, s:s, s:b, s:I, s:I, s:I,"
			   " s:I, s:I, s:i, s:i, s:o, s:I}",
	    "version", HOLDFAST_VERSION, "node", control_text(set->node.id),
	    "region", control_text(set->node.region), "pid", (int)getpid(),
	    "uptime_s",
	    (json_int_t)((clock_mono_ms() - sup->started_ms) / 1000), "state",
	    lifecycle_state_name(sup->lifecycle.state), "ready",
	    supervisor_is_ready(sup), "capacity",
	    (json_int_t)atomic_load(&sup->node.shared->capacity),
	    "capacity_possible", (json_int_t)sup->capacity.node,
	    "capacity_configured", (json_int_t)set->node.capacity,
	    "connections", (json_int_t)node_connections(&sup->node), "open",
	    (json_int_t)open_connections(sup), "slots", (int)sup->slot_count,
	    "serving", (int)supervisor_serving(sup), "listeners",
	    listeners_json(sup), "restarts", (json_int_t)restarts(sup));
	if (status != NULL) {
		json_object_set_new(status, "workers",
		    json_integer((json_int_t)resizer_staying(sup)));
		json_object_set_new(status, "workers_wanted",
		    json_integer((json_int_t)sup->resizer.wanted));
		if (lifecycle_is_draining(sup))
			json_object_set_new(status, "drain",
			    control_drain_json(sup));
		add_rates(status, &sup->rates);
		json_object_set_new(status, "upgrade",
		    json_string(upgrade_phase(sup)));
		json_object_set_new(status, "redis", redis_json(sup));
		if (sup->fleet != NULL)
			json_object_set_new(status, "fleet",
			    control_fleet_json(sup));
	}
	control_done(call, status);
}

static json_int_t
count_of(const struct counters *counters, enum counter counter)
{
	return (json_int_t)counter_get(counters, counter);
}

static json_t *
restarts_json(const struct counters *counters)
{
	if (counters == NULL)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "exit",
	    count_of(counters, COUNTER_RESTART_EXIT), "killed",
	    count_of(counters, COUNTER_RESTART_KILLED), "fault",
	    count_of(counters, COUNTER_RESTART_FAULT), "stall",
	    count_of(counters, COUNTER_RESTART_STALL), "recycle",
	    count_of(counters, COUNTER_RESTART_RECYCLE));
}

static void
add_header(json_t *worker, const struct slot *slot)
{
	const struct slot_header *header = slot->memory.table.header;
	uint64_t now_ns = clock_mono_ns();

	if (header == NULL)
		return;
	json_object_set_new(worker, "tenant_state",
	    json_string(tenant_state_name(atomic_load(&header->tenant_state))));
	json_object_set_new(worker, "restarts",
	    restarts_json(slot_memory_counters(&slot->memory)));
	/* The supervisor's look at it, so as coarse as its timer. */
	json_object_set_new(worker, "heartbeat_age_ms",
	    json_integer(
		(json_int_t)(now_ns / 1000000 - slot->stall.moved_ms)));
	json_object_set_new(worker, "arena_used",
	    json_integer(
		(json_int_t)atomic_load(&header->arena_used_kib) * 1024));
	json_object_set_new(worker, "arena_limit",
	    json_integer(
		(json_int_t)atomic_load(&header->arena_limit_kib) * 1024));
	json_object_set_new(worker, "recovery_us_last",
	    header->died_ns != 0 && header->served_ns > header->died_ns ?
		json_integer((
		    json_int_t)((header->served_ns - header->died_ns) / 1000)) :
		json_null());
}

static json_t *
worker_json(const struct supervisor *sup, const struct slot *slot)
{
	struct proc_stat stat = { 0 };
	json_int_t connections = 0, open = 0;
	json_t *worker;

	if (slot->tenant.pid != 0)
		(void)proc_stat_read(slot->tenant.pid, &stat);
	if (slot_is_gateway(slot)) {
		const struct node_slot *counts =
		    &sup->node.shared->slot[slot->number];

		connections = atomic_load(&counts->connections);
		open = atomic_load(&counts->open);
	}
	worker = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I,"
			   " s:I, s:f, s:I}",
	    "slot", (int)slot->number, "label", slot->label, "kind",
	    slot_kind_name(slot->kind), "state",
	    slot->leaving ? "leaving" : slot_state_name(slot->state),
	    "keeper_pid", (int)slot->keeper.pid, "tenant_pid",
	    (int)slot->tenant.pid, "generation", (json_int_t)slot->generation,
	    "connections", connections, "open", open, "rss_bytes",
	    (json_int_t)stat.rss_bytes, "rss_private_bytes",
	    (json_int_t)stat.private_bytes, "cpu_s", stat.cpu_s, "renewals",
	    (json_int_t)slot->renewals);
	if (worker != NULL) {
		json_object_set_new(worker, "cpu", json_integer(stat.last_cpu));
		add_header(worker, slot);
	}
	return worker;
}

void
control_run_workers(struct control_call *call)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < call->sup->slot_count; i++)
		json_array_append_new(list,
		    worker_json(call->sup, call->sup->slots[i]));
	control_done(call, json_pack("{s:o}", "workers", list));
}
