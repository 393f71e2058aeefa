/* SPDX-License-Identifier: ISC */
/*
 * Ready, drain and stop (see lifecycle.h).
 */
#include "supervisor/lifecycle.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/drain_lease.h"
#include "supervisor/lifecycle_parts.h"
#include "supervisor/supervisor.h"

static void cut_off(struct supervisor *sup);

void
lifecycle_arm(struct supervisor *sup, uint64_t until_ms)
{
	uint64_t now = clock_mono_ms();
	uint64_t ms = until_ms > now ? until_ms - now : 0;
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(sup->lifecycle.deadline, &tv);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	struct lifecycle *life = &sup->lifecycle;

	(void)fd;
	(void)what;
	if (life->state == LIFECYCLE_LEAVING) {
		drain_lease_seek(sup);
		return;
	}
	if (life->state == LIFECYCLE_STOPPING) {
		lifecycle_end_hurry(sup);
		return;
	}
	life->cut_off = node_connections(&sup->node);
	log_notice("drain_deadline", "what is left is cut off",
	    log_uint("connections", life->cut_off));
	supervisor_event(sup, "drain_deadline", -1, NULL, NULL, life->cut_off);
	if (life->state == LIFECYCLE_CLOSING || life->drain.stops_after)
		lifecycle_stop_workers(sup);
	else
		cut_off(sup);
}

int
lifecycle_init(struct supervisor *sup)
{
	memset(&sup->lifecycle, 0, sizeof(sup->lifecycle));
	sup->lifecycle.deadline = evtimer_new(sup->base, on_deadline, sup);
	return sup->lifecycle.deadline == NULL ? -ENOMEM : 0;
}

void
lifecycle_clear(struct supervisor *sup)
{
	if (sup->lifecycle.deadline != NULL)
		event_free(sup->lifecycle.deadline);
	sup->lifecycle.deadline = NULL;
}

void
lifecycle_save(struct supervisor *sup)
{
	static const enum node_drain_state states[LIFECYCLE_STATE_MAX] = {
		[LIFECYCLE_LEAVING] = NODE_DRAIN_LEAVING,
		[LIFECYCLE_DRAINING] = NODE_DRAIN_CLOSING,
		[LIFECYCLE_CLOSING] = NODE_DRAIN_ENDING,
		[LIFECYCLE_STOPPING] = NODE_DRAIN_ENDING,
	};
	struct lifecycle *life = &sup->lifecycle;

	life->drain.state = states[life->state];
	node_permit_begin(&sup->node.shared->permit, life->drain.asked_real_ms,
	    life->lease == DRAIN_LEASE_FORCED, life->is_verdict);
	node_drain_save(&sup->node.shared->drain, &life->drain);
	lifecycle_apply_fleet(sup);
}

void
lifecycle_apply_fleet(struct supervisor *sup)
{
	atomic_store(&sup->node.shared->draining,
	    sup->lifecycle.state >= LIFECYCLE_DRAINING ||
		fleet_is_cut_off(sup));
}

void
lifecycle_enter(struct supervisor *sup, enum lifecycle_state state)
{
	sup->lifecycle.state = state;
	lifecycle_save(sup);
	log_notice("node_state", NULL,
	    log_text("state", lifecycle_state_name(state)),
	    log_uint("connections", node_connections(&sup->node)));
	supervisor_event(sup, "node_state", -1, NULL,
	    lifecycle_state_name(state), 0);
	lifecycle_tell_status(sup);
}

/* Over which time those who are closed at once should come back: to others,
 * who have not asked for them. */
static uint64_t
hints_ms(const struct supervisor *sup)
{
	if (sup->fleet == NULL || sup->lifecycle.state != LIFECYCLE_CLOSING)
		return 0;
	return sup->conf.settings.fleet.storm.min_window_ms;
}

static void
drain_slot(struct supervisor *sup, struct slot *slot)
{
	const struct lifecycle *life = &sup->lifecycle;
	uint64_t now = clock_mono_ms(), end = life->drain.end_ms;

	if (life->cut)
		(void)slot_cut(slot);
	else
		(void)slot_drain(slot, life->drain.close_code,
		    end > now ? end - now : 0, hints_ms(sup), false);
}

static void
close_all(struct supervisor *sup)
{
	uint32_t i;

	sup->lifecycle.empty = false;
	for (i = 0; i < sup->gateways; i++) {
		if (slot_has_tenant(sup->slots[i]))
			drain_slot(sup, sup->slots[i]);
		else
			sup->slots[i]->drained = false;
	}
}

/* Past the deadline of a drain that does not stop the node. */
static void
cut_off(struct supervisor *sup)
{
	sup->lifecycle.cut = true;
	close_all(sup);
	lifecycle_end_drain(sup);
}

void
lifecycle_slot_up(struct supervisor *sup, struct slot *slot)
{
	if (sup->lifecycle.state == LIFECYCLE_STOPPING)
		lifecycle_end_slot_up(sup, slot);
	if (!slot_is_gateway(slot))
		return;
	if (sup->lifecycle.state != LIFECYCLE_DRAINING &&
	    sup->lifecycle.state != LIFECYCLE_CLOSING)
		return;
	/* A drain of the supervisor before us would go on as soon as there is
	 * permission again, with an end that may have passed. */
	if (sup->lifecycle.lease != DRAIN_LEASE_PAUSED)
		drain_slot(sup, slot);
	else if (!slot->leaving)
		(void)slot_undrain(slot);
}

bool
lifecycle_has_left(const struct supervisor *sup, const struct slot *slot)
{
	if (slot->drained || !slot->served)
		return false;
	/* Empty already: no need to wait until its window is over. */
	if (atomic_load(&sup->node.shared->slot[slot->number].connections) == 0)
		return false;
	return slot_has_tenant(slot) || slot->handoff != NULL ||
	    slot->state == SLOT_BACKOFF || slot->state == SLOT_AWAITED;
}

static bool
is_anything_left(const struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->gateways; i++) {
		if (lifecycle_has_left(sup, sup->slots[i]))
			return true;
	}
	return false;
}

void
lifecycle_end_drain(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;

	/* Slots that are being found again have not told of their own yet. */
	if ((life->restored && !sup->was_ready) || is_anything_left(sup) ||
	    life->empty)
		return;
	if (life->state == LIFECYCLE_CLOSING || life->drain.stops_after) {
		lifecycle_stop_workers(sup);
		return;
	}
	life->empty = true;
	event_del(life->deadline);
	log_notice("drained", "the node is empty and refuses connections");
	supervisor_event(sup, "drained", -1, NULL, NULL, life->cut_off);
	control_drain_tell(sup);
}

void
lifecycle_go_on_closing(struct supervisor *sup)
{
	const struct drain_words *drain = &sup->lifecycle.drain;

	sup->lifecycle.cut = false;
	close_all(sup);
	lifecycle_arm(sup, drain->end_ms + drain->grace_ms);
	lifecycle_end_drain(sup);
}

void
lifecycle_start_closing(struct supervisor *sup)
{
	struct drain_words *drain = &sup->lifecycle.drain;
	uint64_t window = drain->end_ms - drain->begin_ms;

	/* The time of waiting is not the clients'. */
	drain->begin_ms = clock_mono_ms();
	drain->end_ms = drain->begin_ms + window;
	drain->close_code = DRAIN_CLOSE_CODE;
	drain->total = node_connections(&sup->node);
	lifecycle_enter(sup, LIFECYCLE_DRAINING);
	lifecycle_go_on_closing(sup);
}

struct drain_plan
lifecycle_plan(const struct supervisor *sup, struct drain_request request)
{
	request.is_unready = sup->lifecycle.state != LIFECYCLE_READY;
	return drain_plan_make(&sup->conf.settings, &request);
}

static void
take_plan(struct supervisor *sup, const struct drain_plan *plan)
{
	struct drain_words *drain = &sup->lifecycle.drain;
	uint64_t now = clock_mono_ms();

	drain->profile = plan->profile;
	/* Load balancers keep the time they were given, if it is not over. */
	if (sup->lifecycle.state != LIFECYCLE_LEAVING || drain->begin_ms < now)
		drain->begin_ms = now + plan->lb_wait_ms;
	drain->end_ms = now + plan->lb_wait_ms + plan->window_ms;
	if (drain->end_ms < drain->begin_ms)
		drain->begin_ms = drain->end_ms;
	drain->grace_ms = (uint32_t)plan->grace_ms;
}

void
lifecycle_begin(struct supervisor *sup, const struct drain_plan *plan)
{
	struct lifecycle *life = &sup->lifecycle;

	life->empty = life->cut = false;
	life->cut_off = 0;
	life->lease_until_ms = 0;
	life->drain.close_code = DRAIN_CLOSE_CODE;
	life->drain.asked_real_ms = clock_real_ms();
	life->drain.total = node_connections(&sup->node);
	take_plan(sup, plan);
	if (plan->lb_wait_ms == 0) {
		drain_lease_seek(sup);
		return;
	}
	lifecycle_enter(sup, LIFECYCLE_LEAVING);
	lifecycle_arm(sup, life->drain.begin_ms);
}

void
lifecycle_change_pace(struct supervisor *sup, const struct drain_plan *plan)
{
	struct lifecycle *life = &sup->lifecycle;

	take_plan(sup, plan);
	lifecycle_save(sup);
	log_notice("drain_pace", NULL,
	    log_text("profile", drain_profile_name(plan->profile)),
	    log_uint("window_ms", plan->window_ms));
	if (life->state == LIFECYCLE_LEAVING)
		lifecycle_arm(sup, life->drain.begin_ms);
	else if (life->lease == DRAIN_LEASE_PAUSED)
		life->paused_left_ms = plan->window_ms;
	else if (!life->empty)
		lifecycle_go_on_closing(sup);
}

int
lifecycle_drain(struct supervisor *sup, const struct drain_request *request)
{
	struct drain_plan plan = lifecycle_plan(sup, *request);

	if (sup->lifecycle.state > LIFECYCLE_DRAINING)
		return -EBUSY;
	if (request->is_forced)
		drain_lease_feed(sup, DRAIN_LEASE_EV_FORCE);
	if (sup->lifecycle.state > LIFECYCLE_READY) {
		sup->lifecycle.is_verdict &= request->is_verdict;
		lifecycle_change_pace(sup, &plan);
	} else {
		sup->lifecycle.is_verdict = request->is_verdict;
		lifecycle_begin(sup, &plan);
	}
	return 0;
}

int
lifecycle_undrain(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	uint32_t i;

	if (life->state <= LIFECYCLE_READY)
		return -EALREADY;
	if (life->state > LIFECYCLE_DRAINING || life->drain.stops_after)
		return -EBUSY;
	event_del(life->deadline);
	memset(&life->drain, 0, sizeof(life->drain));
	drain_lease_feed(sup, DRAIN_LEASE_EV_END);
	life->is_verdict = false;
	lifecycle_enter(sup,
	    sup->was_ready ? LIFECYCLE_READY : LIFECYCLE_STARTING);
	for (i = 0; i < sup->gateways; i++) {
		if (!sup->slots[i]->leaving)
			(void)slot_undrain(sup->slots[i]);
	}
	control_drain_tell(sup);
	return 0;
}

void
lifecycle_restore(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	int rc = node_drain_load(&sup->node.shared->drain, clock_mono_ms(),
	    &life->drain);

	if (rc != 0) {
		if (rc != -ENOENT)
			log_warn("drain_forgotten",
			    "what the node's memory says of it is impossible",
			    log_errno(rc));
		lifecycle_save(sup);
		return;
	}
	life->restored = true;
	drain_lease_restore(sup);
	log_notice("drain_restored", NULL,
	    log_text("profile", drain_profile_name(life->drain.profile)),
	    log_bool("stops_after", life->drain.stops_after));
	switch (life->drain.state) {
	case NODE_DRAIN_LEAVING:
		lifecycle_enter(sup, LIFECYCLE_LEAVING);
		lifecycle_arm(sup, life->drain.begin_ms);
		break;
	case NODE_DRAIN_CLOSING:
		lifecycle_enter(sup, LIFECYCLE_DRAINING);
		drain_lease_check(sup);
		if (life->lease != DRAIN_LEASE_PAUSED)
			lifecycle_go_on_closing(sup);
		break;
	default:
		lifecycle_close_now(sup, life->drain.close_code);
		break;
	}
}

void
lifecycle_slot_changed(struct supervisor *sup)
{
	bool is_started = !sup->was_ready && supervisor_all_serve(sup);

	/* Also of a node that goes on with a drain. */
	if (is_started && sup->lifecycle.state <= LIFECYCLE_DRAINING) {
		if (sup->lifecycle.state == LIFECYCLE_STARTING)
			lifecycle_enter(sup, LIFECYCLE_READY);
		supervisor_became_ready(sup);
	}
	switch (sup->lifecycle.state) {
	case LIFECYCLE_DRAINING:
	case LIFECYCLE_CLOSING:
		lifecycle_end_drain(sup);
		break;
	case LIFECYCLE_STOPPING:
		lifecycle_end_go_on(sup);
		break;
	case LIFECYCLE_STARTING:
	case LIFECYCLE_READY:
	case LIFECYCLE_LEAVING:
	case LIFECYCLE_STATE_MAX:
		break;
	}
}
