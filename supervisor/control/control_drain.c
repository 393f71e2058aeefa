/* SPDX-License-Identifier: ISC */
/*
 * drain and undrain on the control socket.  Who waits is told twice a second
 * how far the drain is, then once how it ended.
 */
#include <errno.h>

#include "lib/clock.h"
#include "supervisor/control/control_client.h"
#include "supervisor/drain_lease.h"
#include "supervisor/drain_progress.h"
#include "supervisor/fleet/fleet_room.h"
#include "supervisor/supervisor.h"

#define TICK_US 500000

static void
add_time(json_t *json, const char *key, uint64_t mono_ms, uint64_t now_ms)
{
	char text[CLOCK_RFC3339_SIZE] = "";

	/* Both in the past and in the future. */
	clock_rfc3339_format(clock_real_ms() + mono_ms - now_ms, text,
	    sizeof(text));
	json_object_set_new(json, key, json_string(text));
}

/* Whether clients have somewhere to go. */
static void
add_room(json_t *json, const struct supervisor *sup,
    const struct drain_plan *plan)
{
	const struct settings *set = &sup->conf.settings;
	const struct fleet *fleet = sup->fleet;
	struct fleet_room_ask ask = {
		.own = set->node.id,
		.connections = node_connections(&sup->node),
		.window_ms = plan->window_ms,
		.ceiling = (double)set->fleet.storm.handshakes_per_second,
		.rules = { set->fleet.blast_radius.fraction,
		    set->fleet.blast_radius.slack,
		    set->fleet.blast_radius.floor },
	};
	struct fleet_room room;
	uint64_t silent_ms;

	if (fleet == NULL)
		return;
	silent_ms = fleet->lost_ms == 0 ? 0 : clock_mono_ms() - fleet->lost_ms;
	ask.held = fleet->summary.held;
	room = fleet_room_for(&fleet->members, &ask);
	json_object_set_new(json, "peers",
	    json_pack("{s:s, s:i, s:I, s:f, s:o, s:I}", "absorb",
		fleet_absorb_name(room.absorb), "healthy", (int)room.peers,
		"free", (json_int_t)room.free, "handshakes_per_second",
		room.handshakes, "back_ms",
		room.back_ms == UINT64_MAX ?
		    json_null() :
		    json_integer((json_int_t)room.back_ms),
		"redis_silent_ms", (json_int_t)silent_ms));
}

static json_t *
plan_json(const struct supervisor *sup, const struct drain_plan *plan)
{
	uint32_t n = node_connections(&sup->node);
	uint64_t now = clock_mono_ms();
	json_t *json;

	json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f}", "state",
	    lifecycle_state_name(sup->lifecycle.state), "profile",
	    drain_profile_name(plan->profile), "left", (json_int_t)n,
	    "lb_wait_ms", (json_int_t)plan->lb_wait_ms, "window_ms",
	    (json_int_t)plan->window_ms, "within_ms",
	    (json_int_t)drain_plan_total_ms(plan), "rate_per_second",
	    drain_plan_rate(n, plan->window_ms));
	if (json == NULL)
		return NULL;
	add_time(json, "begin", now + plan->lb_wait_ms, now);
	add_time(json, "end", now + drain_plan_total_ms(plan), now);
	add_room(json, sup, plan);
	return json;
}

/* Of the fleet, and who is in the way. */
static void
add_lease(json_t *json, const struct supervisor *sup)
{
	const struct fleet *fleet = sup->fleet;

	json_object_set_new(json, "lease",
	    json_string(drain_lease_name(drain_lease_shown(sup))));
	json_object_set_new(json, "lease_others",
	    json_integer(fleet == NULL ? 0 : (json_int_t)fleet->drain.others));
	json_object_set_new(json, "lease_reserved",
	    json_integer(
		fleet == NULL ? 0 : (json_int_t)fleet->drain.reserved));
}

json_t *
control_drain_json(const struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;
	uint64_t now = clock_mono_ms();
	struct drain_progress at;
	json_t *json;

	drain_progress_get(sup, &at);
	json = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:b, s:b}",
	    "state", lifecycle_state_name(life->state), "profile",
	    drain_profile_name(life->drain.profile), "left",
	    (json_int_t)at.left, "total", (json_int_t)at.total, "done",
	    (json_int_t)(at.total - at.left), "eta_ms", (json_int_t)at.eta_ms,
	    "rate_per_second", at.rate, "stops", (int)life->drain.stops_after,
	    "empty", (int)at.is_empty);
	if (json == NULL)
		return NULL;
	add_time(json, "begin", at.begin_ms, now);
	add_time(json, "end", at.end_ms, now);
	add_lease(json, sup);
	return json;
}

static bool
is_over(const struct lifecycle *life)
{
	return life->state <= LIFECYCLE_READY || life->empty ||
	    life->state == LIFECYCLE_STOPPING;
}

/* The last word to one that waits. */
static void
end_wait(struct control_call *call)
{
	const struct lifecycle *life = &call->sup->lifecycle;

	if (life->state <= LIFECYCLE_READY)
		control_fail(call, "undrained", CONTROL_EXIT_REFUSED,
		    "the drain was undone");
	else if (life->cut_off > 0)
		control_fail(call, "deadline", CONTROL_EXIT_DEADLINE,
		    "%u connections were left at the deadline and were cut off",
		    life->cut_off);
	else
		control_done(call, control_drain_json(call->sup));
}

void
control_drain_tell(struct supervisor *sup)
{
	struct control_client *client, *next;
	bool over = is_over(&sup->lifecycle), is_awaited = false;

	if (sup->control.listener == NULL)
		return;
	for (client = TAILQ_FIRST(&sup->control.clients); client != NULL;
	     client = next) {
		next = TAILQ_NEXT(client, entry);
		if (!client->waits)
			continue;
		if (over) {
			end_wait(&client->call);
		} else {
			control_tell(&client->call, "progress",
			    control_drain_json(sup));
			is_awaited = true;
		}
	}
	if (!is_awaited && sup->control.drain_tick != NULL)
		event_del(sup->control.drain_tick);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	control_drain_tell(arg);
}

static void
wait_for_end(struct control_call *call)
{
	const struct timeval tick = { .tv_usec = TICK_US };
	struct control *control = &call->sup->control;

	if (control->drain_tick == NULL)
		control->drain_tick = event_new(call->sup->base, -1, EV_PERSIST,
		    on_tick, call->sup);
	if (control->drain_tick == NULL ||
	    event_add(control->drain_tick, &tick) != 0) {
		control_fail(call, "no_memory", CONTROL_EXIT_REFUSED,
		    "it drains, but nobody can wait for it");
		return;
	}
	call->client->waits = true;
	control_tell(call, "progress", control_drain_json(call->sup));
	if (is_over(&call->sup->lifecycle))
		end_wait(call);
}

/* 0, or the call has failed. */
static int
read_request(struct control_call *call, struct drain_request *out)
{
	const char *profile = control_arg_text(call, "profile");
	int64_t within = control_arg_int(call, "within_ms", 0);

	*out = (struct drain_request){ .profile = DRAIN_EVACUATE };
	if (profile != NULL && drain_profile_parse(profile, &out->profile)) {
		control_fail(call, "bad_profile", CONTROL_EXIT_USAGE,
		    "a profile is evacuate or gentle");
		return -EINVAL;
	}
	if (within != 0 &&
	    (within < DRAIN_WITHIN_MIN_MS ||
		within > (int64_t)DRAIN_WITHIN_MAX_MS)) {
		control_fail(call, "bad_within", CONTROL_EXIT_USAGE,
		    "a drain takes from one second to seven days");
		return -EINVAL;
	}
	out->within_ms = (uint64_t)within;
	out->is_forced = control_arg_bool(call, "force");
	return 0;
}

void
control_run_drain(struct control_call *call)
{
	struct supervisor *sup = call->sup;
	struct drain_request request;
	struct drain_plan plan;
	bool is_asked;

	if (read_request(call, &request) != 0)
		return;
	/* One that waited for a drain has lost its supervisor; by now nothing
	 * may be drained any more, and it must not begin anew. */
	if (control_arg_bool(call, "again") && !lifecycle_is_draining(sup)) {
		end_wait(call);
		return;
	}
	plan = lifecycle_plan(sup, request);
	if (control_arg_bool(call, "plan")) {
		control_done(call, plan_json(sup, &plan));
		return;
	}
	/* One under way changes its pace only when that was asked for. */
	is_asked = !lifecycle_is_draining(sup) || request.within_ms != 0 ||
	    request.is_forced || control_arg_text(call, "profile") != NULL;
	if (is_asked && lifecycle_drain(sup, &request) != 0) {
		control_fail(call, "stopping", CONTROL_EXIT_REFUSED,
		    "the node stops already");
		return;
	}
	if (request.is_forced && sup->fleet != NULL)
		fleet_event(sup->fleet, "drain_forced",
		    sup->conf.settings.node.id, "by an operator",
		    node_connections(&sup->node));
	if (control_arg_bool(call, "wait"))
		wait_for_end(call);
	else
		control_done(call, control_drain_json(sup));
}

void
control_run_undrain(struct control_call *call)
{
	int rc = lifecycle_undrain(call->sup);

	if (rc == -EALREADY)
		control_fail(call, "not_draining", CONTROL_EXIT_REFUSED,
		    "the node is not being drained");
	else if (rc != 0)
		control_fail(call, "stopping", CONTROL_EXIT_REFUSED,
		    "the node stops when it is empty");
	else
		control_done(call,
		    json_pack("{s:s}", "state",
			lifecycle_state_name(call->sup->lifecycle.state)));
}
