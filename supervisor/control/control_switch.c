/* SPDX-License-Identifier: ISC */
/*
 * pause, resume, ack and forget on the control socket.  What is changed is
 * changed in Redis, for whoever leads; a pause holds once the leader has read
 * it, so its answer waits for what the leader publishes next.  The client may
 * be gone meanwhile: then nobody is told, and the switch is as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "supervisor/control/control.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/supervisor.h"

#define LOOK_US	   100000
#define CONFIRM_MS 4000u
/* With the id of a node in front of it it is still FLEET_PAUSED_MAX. */
#define REASON_SIZE 121

struct pending {
	struct control_call *call; /* borrowed; NULL: gone */
	struct event *look;	   /* owned; runs once Redis has it */
	uint64_t end_ms;
	const char *kind;	       /* of the event */
	char node[128];		       /* of the event; "": this one */
	bool is_awaited;	       /* wanted, below */
	char reason[REASON_SIZE];      /* of the event, too */
	char wanted[FLEET_PAUSED_MAX]; /* what the leader is to say */
	json_t *result;		       /* owned */
};

static void
pending_free(struct pending *pending)
{
	if (pending->look != NULL)
		event_free(pending->look);
	json_decref(pending->result);
	free(pending);
}

static void
on_client_gone(struct control_call *call)
{
	struct pending *pending = call->state;

	call->state = NULL;
	pending->call = NULL;
	/* Before that the answer of Redis is owed to it. */
	if (pending->look != NULL)
		pending_free(pending);
}

/* The call, which is not ours any more; NULL: nobody waits. */
static struct control_call *
let_go(struct pending *pending)
{
	struct control_call *call = pending->call;

	if (call != NULL) {
		call->state = NULL;
		call->cancel = NULL;
	}
	pending->call = NULL;
	return call;
}

static void
finish(struct pending *pending, bool is_confirmed)
{
	struct control_call *call = let_go(pending);

	json_object_set_new(pending->result, "confirmed",
	    json_boolean(is_confirmed));
	if (call != NULL)
		control_done(call, json_incref(pending->result));
	pending_free(pending);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct pending *pending = arg;
	struct fleet *fleet = pending->call->sup->fleet;
	uint64_t now = clock_mono_ms();
	bool is_so = strcmp(fleet->summary.paused, pending->wanted) == 0;

	(void)fd;
	(void)what;
	if (is_so || now >= pending->end_ms)
		finish(pending, is_so);
	else
		fleet->renew_next_ms = now; /* brings the summary */
}

static void
wait_for_leader(struct pending *pending)
{
	const struct timeval look = { .tv_usec = LOOK_US };

	pending->end_ms = clock_mono_ms() + CONFIRM_MS;
	pending->look = event_new(pending->call->sup->base, -1, EV_PERSIST,
	    on_look, pending);
	if (pending->look == NULL || event_add(pending->look, &look) != 0)
		finish(pending, false);
}

static void
on_switched(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct pending *pending = arg;
	const char *error = redis_reply_error(reply);
	struct control_call *call = pending->call;
	struct fleet *fleet;

	if (call == NULL) {
		pending_free(pending);
		return;
	}
	if (fault != REDIS_FAULT_NONE) {
		(void)let_go(pending);
		if (fault == REDIS_FAULT_LOST)
			control_fail(call, "redis_away", CONTROL_EXIT_REFUSED,
			    "Redis has not answered");
		else
			control_fail(call, "redis_refused",
			    CONTROL_EXIT_REFUSED, "Redis: %s",
			    error == NULL ? "no answer" : error);
		pending_free(pending);
		return;
	}
	if (pending->node[0] != '\0' && !redis_reply_is(reply, "")) {
		const char *why = redis_reply_text(reply, NULL);

		(void)let_go(pending);
		control_fail(call, "refused", CONTROL_EXIT_REFUSED, "%s: %s",
		    pending->node, why == NULL ? "nonsense from Redis" : why);
		pending_free(pending);
		return;
	}
	fleet = call->sup->fleet;
	fleet_event(fleet, pending->kind,
	    pending->node[0] != '\0' ? pending->node :
				       call->sup->conf.settings.node.id,
	    pending->reason, 0);
	if (pending->is_awaited)
		wait_for_leader(pending);
	else
		finish(pending, true);
}

/* Sends what is in fleet->args. */
static void
throw_switch(struct control_call *call, const struct pending *how)
{
	struct pending *pending = malloc(sizeof(*pending));

	if (pending != NULL) {
		*pending = *how;
		pending->call = call;
	}
	if (pending == NULL ||
	    fleet_send(call->sup->fleet, on_switched, pending) != 0) {
		json_decref(how->result);
		free(pending);
		control_fail(call, "redis_away", CONTROL_EXIT_REFUSED,
		    "Redis cannot be reached");
		return;
	}
	call->state = pending;
	call->cancel = on_client_gone;
}

void
control_run_pause(struct control_call *call)
{
	const char *reason = control_arg_text(call, "reason");
	struct fleet *fleet = control_fleet(call);
	struct pending how = { .kind = "paused", .is_awaited = true };

	if (fleet == NULL)
		return;
	if (reason != NULL && strlen(reason) >= sizeof(how.reason)) {
		control_fail(call, "bad_reason", CONTROL_EXIT_USAGE,
		    "a reason has at most %zu bytes", sizeof(how.reason) - 1);
		return;
	}
	(void)snprintf(how.reason, sizeof(how.reason), "%s",
	    reason == NULL ? "" : reason);
	(void)snprintf(how.wanted, sizeof(how.wanted), "%s: %s",
	    call->sup->conf.settings.node.id,
	    how.reason[0] == '\0' ? "by an operator" : how.reason);
	how.result = json_pack("{s:b, s:o}", "done", 1, "paused",
	    control_text(how.wanted));
	fleet_args_command(&fleet->args, "SET");
	fleet_key(fleet, "paused");
	fleet_args_text(&fleet->args, how.wanted);
	throw_switch(call, &how);
}

void
control_run_resume(struct control_call *call)
{
	struct fleet *fleet = control_fleet(call);
	struct pending how = { .kind = "resumed", .is_awaited = true };

	if (fleet == NULL)
		return;
	/* What it was, as far as is known here. */
	how.result = json_pack("{s:b, s:o}", "done", 1, "paused",
	    control_text(fleet->summary.paused));
	fleet_args_command(&fleet->args, "DEL");
	fleet_key(fleet, "paused");
	throw_switch(call, &how);
}

void
control_run_ack(struct control_call *call)
{
	struct fleet *fleet = control_fleet(call);
	struct pending how = { .kind = "acknowledged" };

	if (fleet == NULL)
		return;
	(void)snprintf(how.reason, sizeof(how.reason), "%.*s",
	    (int)sizeof(how.reason) - 1, fleet->summary.missing);
	how.result = json_pack("{s:b, s:I, s:o, s:o, s:o, s:I}", "done", 1,
	    "max_failovers_per_hour",
	    (json_int_t)call->sup->conf.settings.fleet.membership
		.max_failovers_per_hour,
	    "hold", control_text(fleet->summary.hold), "paused",
	    control_text(fleet->summary.paused), "missing",
	    control_text(fleet->summary.missing), "expired",
	    (json_int_t)fleet->summary.expired);
	fleet_args_eval(&fleet->args, fleet_script_ack, 1);
	fleet_key(fleet, "ack");
	throw_switch(call, &how);
}

void
control_run_forget(struct control_call *call)
{
	const char *node = control_arg_text(call, "node");
	struct fleet *fleet = control_fleet(call);
	struct pending how = { .kind = "forget" };

	if (fleet == NULL)
		return;
	if (node == NULL || node[0] == '\0' ||
	    strlen(node) >= sizeof(how.node)) {
		control_fail(call, "bad_node", CONTROL_EXIT_USAGE,
		    "which node?");
		return;
	}
	(void)snprintf(how.node, sizeof(how.node), "%s", node);
	(void)snprintf(how.reason, sizeof(how.reason), "by an operator");
	how.result = json_pack("{s:b}", "done", 1);
	fleet_args_eval(&fleet->args, fleet_script_disown, 2);
	fleet_key_of(fleet, "node", node);
	fleet_key(fleet, "nodes");
	fleet_args_text(&fleet->args, node);
	throw_switch(call, &how);
}
