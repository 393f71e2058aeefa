/* SPDX-License-Identifier: ISC */
/*
 * nodes and fleet on the control socket: what the leader published last, and
 * this node as it is now.
 */
#include "lib/clock.h"
#include "supervisor/control/control.h"
#include "supervisor/fleet/fleet_lease.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/supervisor.h"

/* The handshakes a second that a fleet of 10 million needs to come back. */
#define HANDSHAKES_TARGET 50000

struct fleet *
control_fleet(struct control_call *call)
{
	if (call->sup->fleet == NULL)
		control_fail(call, "standalone", CONTROL_EXIT_REFUSED,
		    "this node is in no fleet: redis.url is not set");
	return call->sup->fleet;
}

/* How old it is what the leader has published; null: never. */
static json_t *
age_json(const struct fleet *fleet)
{
	uint64_t now = fleet_redis_ms(fleet, clock_mono_ms());
	uint64_t at = fleet->summary.at_ms;

	if (!fleet->summary.is_known)
		return json_null();
	return json_integer(now > at ? (json_int_t)(now - at) : 0);
}

/* This node is known better than the leader can. */
static void
refresh_own(struct fleet *fleet)
{
	const struct supervisor *sup = fleet->sup;
	struct fleet_member *own = fleet_members_find(&fleet->members,
	    sup->conf.settings.node.id);

	if (own == NULL)
		return;
	own->state = fleet_lease_state(fleet);
	own->incarnation = fleet->incarnation;
	own->count = node_connections(&sup->node);
	own->limit = atomic_load(&sup->node.shared->capacity);
	own->capacity = sup->capacity.node;
	own->rate = sup->rates.per_second[RATE_HANDSHAKES];
}

static double
part_of(uint64_t some, uint64_t all)
{
	return all == 0 ? 0 : some >= all ? 1 : (double)some / (double)all;
}

/* Each with what it holds of the fleet's connections, and with what it may. */
static json_t *
nodes_json(struct fleet *fleet)
{
	const struct fleet_members *members = &fleet->members;
	uint64_t held = fleet->summary.held, total = 0;
	json_t *list;
	size_t i;

	refresh_own(fleet);
	list = fleet_members_json(members);
	for (i = 0; i < members->count; i++) {
		if (member_state_counts(members->all[i].state))
			total += members->all[i].count;
	}
	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];
		bool counts = member_state_counts(member->state);
		json_t *item = json_array_get(list, i);

		json_object_set_new(item, "share",
		    json_real(counts ? part_of(member->count, total) : 0));
		json_object_set_new(item, "share_limit",
		    json_real(counts ? part_of(member->limit, held) : 0));
	}
	return list;
}

void
control_run_nodes(struct control_call *call)
{
	struct fleet *fleet = control_fleet(call);

	if (fleet == NULL)
		return;
	control_done(call,
	    json_pack("{s:o, s:o, s:s}", "nodes", nodes_json(fleet), "age_ms",
		age_json(fleet), "redis",
		redis_link_state_name(redis_link_state(fleet->link))));
}

static void
add_handshakes(json_t *json, const struct supervisor *sup)
{
	struct fleet_handshakes sum = fleet_storm_sum(&sup->fleet->members);

	json_object_set_new(json, "handshakes", json_real(sum.budget));
	json_object_set_new(json, "handshakes_unlimited",
	    json_integer((json_int_t)sum.unlimited));
	json_object_set_new(json, "handshakes_assumed",
	    json_real(fleet_storm_budget(0)));
	json_object_set_new(json, "handshakes_now", json_real(sum.now));
	json_object_set_new(json, "handshakes_best", json_real(sum.best));
	json_object_set_new(json, "handshakes_target",
	    json_integer(HANDSHAKES_TARGET));
	json_object_set_new(json, "handshake_limit",
	    json_integer(fleet_storm_handshakes(sup)));
}

/* The share that may be lost, as the leader has published it, and the largest
 * that there is. */
static void
add_shares(json_t *json, const struct fleet *fleet)
{
	const struct fleet_members *members = &fleet->members;
	uint64_t total = 0, count = 0;
	size_t i, n = 0;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (!member_state_counts(member->state))
			continue;
		n++;
		total += member->count;
		if (member->count > count)
			count = member->count;
	}
	json_object_set_new(json, "nodes", json_integer((json_int_t)n));
	json_object_set_new(json, "connections",
	    json_integer((json_int_t)total));
	json_object_set_new(json, "effective",
	    json_real(fleet->summary.effective));
	json_object_set_new(json, "largest_share",
	    json_real(part_of(count, total)));
}

/* Who leads, and what of: as the leader has said itself. */
static void
add_leader(json_t *json, const struct fleet *fleet)
{
	const struct fleet_summary *summary = &fleet->summary;

	json_object_set_new(json, "leader", control_text(summary->leader));
	json_object_set_new(json, "paused", control_text(summary->paused));
	json_object_set_new(json, "expired",
	    json_integer((json_int_t)summary->expired));
	json_object_set_new(json, "missing", control_text(summary->missing));
	json_object_set_new(json, "age_ms", age_json(fleet));
}

/* Of those that admit clients, for the share that is configured. */
static json_int_t
nodes_missing(const struct fleet *fleet, const struct blast_rules *rules)
{
	uint64_t capacity[FLEET_MEMBERS_MAX], missing;
	size_t i, n = 0;

	for (i = 0; i < fleet->members.count; i++) {
		const struct fleet_member *member = &fleet->members.all[i];

		if (member->state == MEMBER_HEALTHY ||
		    member->state == MEMBER_JOINING)
			capacity[n++] = member->capacity;
	}
	missing = blast_radius_nodes_missing(rules, capacity, n,
	    fleet->summary.held);
	return missing < INT32_MAX ? (json_int_t)missing : INT32_MAX;
}

json_t *
control_fleet_json(const struct supervisor *sup)
{
	const struct fleet *fleet = sup->fleet;
	const struct settings_fleet *set = &sup->conf.settings.fleet;
	const struct fleet_summary *summary = &fleet->summary;
	struct blast_rules rules = { set->blast_radius.fraction,
		set->blast_radius.slack, set->blast_radius.floor };
	uint64_t now = clock_mono_ms();
	json_t *json;

	json = json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:o, s:I, s:s,"
			 " s:f, s:I}",
	    "fleet", sup->conf.settings.redis.fleet, "place",
	    fleet_place_name(fleet->place), "leads",
	    leader_leads(&fleet->leader, now), "redis",
	    redis_link_state_name(redis_link_state(fleet->link)), "epoch",
	    (json_int_t)summary->epoch, "held", (json_int_t)summary->held,
	    "level", (json_int_t)summary->level, "hold",
	    control_text(summary->hold), "storm_left_ms",
	    (json_int_t)fleet_storm_left_ms(sup), "partition",
	    partition_verdict_name(fleet->cut.state.verdict), "fraction",
	    rules.fraction, "limit",
	    (json_int_t)atomic_load(&sup->node.shared->capacity));
	if (json != NULL) {
		json_object_set_new(json, "max_failovers_per_hour",
		    json_integer(
			(json_int_t)set->membership.max_failovers_per_hour));
		json_object_set_new(json, "floor",
		    json_integer((json_int_t)rules.floor));
		json_object_set_new(json, "held_needed",
		    json_integer((json_int_t)blast_radius_held_needed(&rules)));
		json_object_set_new(json, "nodes_missing",
		    json_integer(nodes_missing(fleet, &rules)));
		add_leader(json, fleet);
		add_shares(json, fleet);
		add_handshakes(json, sup);
	}
	return json;
}

void
control_run_fleet(struct control_call *call)
{
	struct fleet *fleet = control_fleet(call);
	json_t *json;

	if (fleet == NULL)
		return;
	json = control_fleet_json(call->sup);
	if (json != NULL)
		json_object_set_new(json, "members", nodes_json(fleet));
	control_done(call, json);
}
