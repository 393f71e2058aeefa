/* SPDX-License-Identifier: ISC */
/*
 * The way to a node's end (see lifecycle.h): drain then stop, or stop at once;
 * lifecycle_end.c has the end.
 */
#include "lib/clock.h"
#include "supervisor/drain_lease.h"
#include "supervisor/lifecycle_parts.h"
#include "supervisor/supervisor.h"

#define CLOSE_GOING_AWAY 1001
/* A stop at once: how long clients may take to answer close frames. */
#define CLOSING_MS 2000

void
lifecycle_close_now(struct supervisor *sup, uint32_t code)
{
	struct drain_words *drain = &sup->lifecycle.drain;

	drain_lease_feed(sup, DRAIN_LEASE_EV_NOW);
	drain->stops_after = true;
	if (drain->asked_real_ms == 0)
		drain->asked_real_ms = clock_real_ms();
	drain->close_code = code;
	drain->begin_ms = drain->end_ms = clock_mono_ms();
	drain->grace_ms = CLOSING_MS;
	lifecycle_enter(sup, LIFECYCLE_CLOSING);
	lifecycle_go_on_closing(sup);
}

/* A gentle drain takes hours, which nobody who stops a node has. */
static void
hasten(struct supervisor *sup)
{
	struct drain_request request = { .profile = DRAIN_EVACUATE };
	struct drain_plan plan = lifecycle_plan(sup, request);
	struct lifecycle *life = &sup->lifecycle;
	bool stands_still = life->lease == DRAIN_LEASE_WAITING ||
	    life->lease == DRAIN_LEASE_PAUSED;

	life->drain.stops_after = true;
	drain_lease_feed(sup, DRAIN_LEASE_EV_STOP);
	if (life->empty)
		life->empty = false;
	else if (stands_still ||
	    clock_mono_ms() + plan.window_ms < life->drain.end_ms) {
		lifecycle_change_pace(sup, &plan);
		return;
	}
	lifecycle_save(sup);
	if (life->state == LIFECYCLE_DRAINING)
		lifecycle_end_drain(sup);
}

void
lifecycle_stop(struct supervisor *sup, bool graceful)
{
	struct lifecycle *life = &sup->lifecycle;
	struct drain_request request = { .profile = DRAIN_EVACUATE };
	struct drain_plan plan = lifecycle_plan(sup, request);

	if (life->state == LIFECYCLE_STOPPING) {
		lifecycle_end_hurry(sup);
		return;
	}
	if (upgrade_is_active(sup))
		upgrade_feed(sup, UPGRADE_EV_STOP);
	successor_stop(sup);
	notify_stopping();
	if (life->state == LIFECYCLE_CLOSING) {
		lifecycle_stop_workers(sup);
	} else if (!graceful) {
		lifecycle_close_now(sup, CLOSE_GOING_AWAY);
	} else if (life->state <= LIFECYCLE_READY) {
		life->is_verdict = false;
		life->drain.stops_after = true;
		lifecycle_begin(sup, &plan);
	} else if (life->drain.stops_after) {
		lifecycle_close_now(sup, DRAIN_CLOSE_CODE);
	} else {
		hasten(sup);
	}
}

void
lifecycle_stop_workers(struct supervisor *sup)
{
	event_del(sup->lifecycle.deadline);
	control_drain_tell(sup);
	lifecycle_enter(sup, LIFECYCLE_STOPPING);
	lifecycle_end_begin(sup);
}
