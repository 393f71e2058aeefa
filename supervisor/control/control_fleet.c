/* SPDX-License-Identifier: ISC */
/*
 * nodes, fleet, pause, resume and ack on the control socket.  What is shown is
 * what the leader published last; what is changed is changed in Redis, for
 * whoever leads.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/random.h"
#include "supervisor/control/control_client.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/supervisor.h"

/* The handshakes a second that a fleet of 10 million needs to come back. */
#define HANDSHAKES_TARGET 50000

/* NULL: the call has failed. */
static struct fleet *
fleet_of(struct control_call *call)
{
	if (call->sup->fleet == NULL)
		control_fail(call, "standalone", CONTROL_EXIT_REFUSED,
		    "this node is in no fleet: redis.url is not set");
	return call->sup->fleet;
}

void
control_run_nodes(struct control_call *call)
{
	const struct fleet *fleet = fleet_of(call);

	if (fleet == NULL)
		return;
	control_done(call,
	    json_pack("{s:o}", "nodes", fleet_members_json(&fleet->members)));
}

static void
add_handshakes(json_t *json, const struct supervisor *sup)
{
	struct fleet_handshakes sum = fleet_storm_sum(&sup->fleet->members);

	json_object_set_new(json, "handshakes", json_real(sum.budget));
	json_object_set_new(json, "handshakes_now", json_real(sum.now));
	json_object_set_new(json, "handshakes_best", json_real(sum.best));
	json_object_set_new(json, "handshakes_target",
	    json_integer(HANDSHAKES_TARGET));
	json_object_set_new(json, "handshake_limit",
	    json_integer(fleet_storm_handshakes(sup)));
}

/* The largest shares, of what may be and of what is. */
static void
add_shares(json_t *json, const struct fleet *fleet)
{
	const struct fleet_members *members = &fleet->members;
	uint64_t total = 0, limit = 0, count = 0;
	size_t i, n = 0;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (!member_state_counts(member->state))
			continue;
		n++;
		total += member->count;
		if (member->limit > limit)
			limit = member->limit;
		if (member->count > count)
			count = member->count;
	}
	json_object_set_new(json, "nodes", json_integer((json_int_t)n));
	json_object_set_new(json, "connections",
	    json_integer((json_int_t)total));
	json_object_set_new(json, "effective",
	    json_real(blast_radius_effective(&limit, &count, 1,
		fleet->summary.held)));
	json_object_set_new(json, "largest_share",
	    json_real(total == 0 ? 0 : (double)count / (double)total));
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

	json = json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:s, s:I, s:s,"
			 " s:f, s:i, s:I}",
	    "fleet", sup->conf.settings.redis.fleet, "place",
	    fleet_place_name(fleet->place), "leads",
	    leader_leads(&fleet->leader, now), "redis",
	    redis_link_state_name(redis_link_state(fleet->link)), "epoch",
	    (json_int_t)summary->epoch, "held", (json_int_t)summary->held,
	    "level", (json_int_t)summary->level, "hold", summary->hold,
	    "storm_left_ms", (json_int_t)fleet_storm_left_ms(sup), "partition",
	    partition_verdict_name(fleet->cut.verdict), "fraction",
	    rules.fraction, "nodes_needed",
	    (int)blast_radius_nodes_needed(&rules), "limit",
	    (json_int_t)atomic_load(&sup->node.shared->capacity));
	if (json != NULL) {
		add_shares(json, fleet);
		add_handshakes(json, sup);
	}
	return json;
}

void
control_run_fleet(struct control_call *call)
{
	if (fleet_of(call) != NULL)
		control_done(call, control_fleet_json(call->sup));
}

/* A switch has been thrown, or not.  The client may be gone: then nobody is
 * told, and the switch is as it is. */
struct pending {
	struct control_call *call; /* borrowed; NULL: gone */
};

static void
on_client_gone(struct control_call *call)
{
	struct pending *pending = call->state;

	pending->call = NULL;
	call->state = NULL;
}

static void
on_switched(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct pending *pending = arg;
	struct control_call *call = pending->call;
	const char *error = redis_reply_error(reply);

	free(pending);
	if (call == NULL)
		return;
	call->state = NULL;
	call->cancel = NULL;
	if (fault == REDIS_FAULT_LOST)
		control_fail(call, "redis_away", CONTROL_EXIT_REFUSED,
		    "Redis has not answered");
	else if (fault != REDIS_FAULT_NONE)
		control_fail(call, "redis_refused", CONTROL_EXIT_REFUSED,
		    "Redis: %s", error == NULL ? "no answer" : error);
	else
		control_done(call, json_pack("{s:b}", "done", 1));
}

/* Sends what is in fleet->args. */
static void
throw_switch(struct control_call *call)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (pending == NULL ||
	    fleet_send(call->sup->fleet, on_switched, pending) != 0) {
		free(pending);
		control_fail(call, "redis_away", CONTROL_EXIT_REFUSED,
		    "Redis cannot be reached");
		return;
	}
	pending->call = call;
	call->state = pending;
	call->cancel = on_client_gone;
}

void
control_run_pause(struct control_call *call)
{
	const char *reason = control_arg_text(call, "reason");
	struct fleet *fleet = fleet_of(call);
	char text[256];

	if (fleet == NULL)
		return;
	(void)snprintf(text, sizeof(text), "%s: %s",
	    call->sup->conf.settings.node.id,
	    reason == NULL ? "by an operator" : reason);
	fleet_event(fleet, "paused", call->sup->conf.settings.node.id,
	    reason == NULL ? "" : reason, 0);
	fleet_args_command(&fleet->args, "SET");
	fleet_key(fleet, "paused");
	fleet_args_text(&fleet->args, text);
	throw_switch(call);
}

void
control_run_resume(struct control_call *call)
{
	struct fleet *fleet = fleet_of(call);

	if (fleet == NULL)
		return;
	fleet_event(fleet, "resumed", call->sup->conf.settings.node.id, "", 0);
	fleet_args_command(&fleet->args, "DEL");
	fleet_key(fleet, "paused");
	throw_switch(call);
}

void
control_run_ack(struct control_call *call)
{
	struct fleet *fleet = fleet_of(call);

	if (fleet == NULL)
		return;
	fleet_args_command(&fleet->args, "SET");
	fleet_key(fleet, "ack");
	fleet_args_hex(&fleet->args, random_u64());
	throw_switch(call);
}
