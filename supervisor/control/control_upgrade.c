/* SPDX-License-Identifier: ISC */
/*
 * upgrade on the control socket: starts a live upgrade and tells how it goes.
 * In a fleet, the fleet is asked first.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "supervisor/control/control.h"
#include "supervisor/supervisor.h"

#define WAIT_MS	 60000
#define AGAIN_US 250000

static void
cancel(struct control_call *call)
{
	upgrade_forget(call->sup, call);
}

static void
begin(struct control_call *call)
{
	const char *obstacle = upgrade_obstacle(call->sup);
	int rc;

	if (obstacle != NULL) {
		control_fail(call, "busy", CONTROL_EXIT_REFUSED, "%s",
		    obstacle);
		return;
	}
	call->cancel = cancel;
	rc = upgrade_start(call->sup, control_arg_text(call, "binary"), call,
	    control_arg_bool(call, "wait"));
	if (rc == 0)
		return;
	call->cancel = NULL;
	control_fail(call, "stopping", CONTROL_EXIT_REFUSED,
	    "the node is being stopped");
}

/* The fleet is being asked; one that waits asks again until it is its turn. */
struct pending {
	struct supervisor *sup;	   /* borrowed */
	struct control_call *call; /* borrowed; NULL: the client is gone */
	struct event *again;	   /* owned */
	uint64_t until_ms;	   /* 0: it does not wait */
	bool is_asking;
	bool is_told;
};

static void
pending_free(struct pending *pending)
{
	if (pending->call != NULL) {
		pending->call->state = NULL;
		pending->call->cancel = NULL;
	}
	if (pending->again != NULL)
		event_free(pending->again);
	free(pending);
}

static void
on_client_gone(struct control_call *call)
{
	struct pending *pending = call->state;

	pending->call = NULL;
	call->state = NULL;
	if (!pending->is_asking)
		pending_free(pending);
}

static void
refuse(struct pending *pending, enum fleet_verdict verdict, uint64_t others)
{
	struct control_call *call = pending->call;
	struct supervisor *sup = pending->sup;

	pending_free(pending);
	if (verdict == FLEET_DENIED && sup->fleet != NULL) {
		fleet_event(sup->fleet, "upgrade_denied",
		    sup->conf.settings.node.id, "", (int64_t)others);
		control_fail(call, "fleet_busy", CONTROL_EXIT_REFUSED,
		    "%llu other nodes of the fleet are being upgraded",
		    (unsigned long long)others);
		return;
	}
	control_fail(call, "redis_away", CONTROL_EXIT_REFUSED,
	    "Redis cannot be asked whether others are being upgraded; --force "
	    "does not ask");
}

/* It waits, or not any longer. */
static void
ask_later(struct pending *pending, enum fleet_verdict verdict, uint64_t others)
{
	const struct timeval pause = { .tv_usec = AGAIN_US };

	if (clock_mono_ms() >= pending->until_ms ||
	    event_add(pending->again, &pause) != 0) {
		refuse(pending, verdict, others);
		return;
	}
	if (!pending->is_told)
		control_tell(pending->call, "progress",
		    json_pack("{s:s}", "phase", "waiting for the fleet"));
	pending->is_told = true;
}

static void
on_verdict(struct supervisor *sup, enum fleet_verdict verdict, uint64_t others,
    void *arg)
{
	struct pending *pending = arg;
	struct control_call *call = pending->call;

	(void)sup;
	pending->is_asking = false;
	if (call == NULL) {
		pending_free(pending);
		return;
	}
	if (verdict != FLEET_GRANTED) {
		ask_later(pending, verdict, others);
		return;
	}
	pending_free(pending);
	begin(call);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct pending *pending = arg;
	struct fleet *fleet = pending->sup->fleet;

	(void)fd;
	(void)what;
	pending->is_asking = fleet != NULL &&
	    fleet_permit_upgrade(fleet, on_verdict, pending) == 0;
	if (!pending->is_asking)
		ask_later(pending, FLEET_UNHEARD, 0);
}

void
control_run_upgrade(struct control_call *call)
{
	struct supervisor *sup = call->sup;
	struct pending *pending;

	if (sup->fleet == NULL || control_arg_bool(call, "force")) {
		if (sup->fleet != NULL)
			fleet_event(sup->fleet, "upgrade_forced",
			    sup->conf.settings.node.id, "by an operator", 0);
		begin(call);
		return;
	}
	pending = calloc(1, sizeof(*pending));
	if (pending != NULL)
		pending->again = evtimer_new(sup->base, on_again, pending);
	if (pending == NULL || pending->again == NULL) {
		free(pending);
		control_fail(call, "no_memory", CONTROL_EXIT_REFUSED,
		    "there is no memory to wait");
		return;
	}
	pending->sup = sup;
	pending->call = call;
	if (control_arg_bool(call, "wait"))
		pending->until_ms = clock_mono_ms() + WAIT_MS;
	call->state = pending;
	call->cancel = on_client_gone;
	on_again(-1, 0, pending);
}
