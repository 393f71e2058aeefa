/* SPDX-License-Identifier: ISC */
/*
 * Ready, drain and stop (see lifecycle.h).
 */
#include "supervisor/lifecycle.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"

#define CLOSE_GOING_AWAY 1001
#define CLOSE_RESTART	 1012
/* SIGINT: how long clients may take to answer close frames. */
#define CLOSING_MS 2000
/* Beyond a drain's window: the last close handshakes. */
#define DRAIN_EXTRA_MS 5000

static void stop_workers(struct supervisor *sup);
static void start_closing(struct supervisor *sup);

static void
arm_deadline(struct supervisor *sup, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	event_add(sup->lifecycle.deadline, &tv);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;

	(void)fd;
	(void)what;
	if (sup->lifecycle.state == LIFECYCLE_LEAVING) {
		start_closing(sup);
		return;
	}
	log_notice("drain_deadline", "what is left is cut off",
	    log_uint("connections", node_connections(&sup->node)));
	stop_workers(sup);
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

static void
enter(struct supervisor *sup, enum lifecycle_state state)
{
	sup->lifecycle.state = state;
	log_notice("node_state", NULL,
	    log_text("state", lifecycle_state_name(state)),
	    log_uint("connections", node_connections(&sup->node)));
	supervisor_event(sup, "node_state", -1, NULL,
	    lifecycle_state_name(state), 0);
	lifecycle_tell_status(sup);
}

static void
drain_slot(struct supervisor *sup, struct slot *slot)
{
	const struct lifecycle *life = &sup->lifecycle;
	uint64_t now = clock_mono_ms();
	uint64_t left = life->until_ms > now ? life->until_ms - now : 0;

	(void)slot_drain(slot, life->close_code, left, false);
}

static void
close_all(struct supervisor *sup, uint32_t code, uint64_t window_ms)
{
	uint32_t i;

	sup->lifecycle.close_code = code;
	sup->lifecycle.until_ms = clock_mono_ms() + window_ms;
	sup->lifecycle.empty = false;
	atomic_store(&sup->node.shared->draining, 1);
	for (i = 0; i < sup->gateways; i++) {
		if (slot_has_tenant(sup->slots[i]))
			drain_slot(sup, sup->slots[i]);
		else
			sup->slots[i]->drained = false;
	}
}

void
lifecycle_slot_up(struct supervisor *sup, struct slot *slot)
{
	if (slot_is_gateway(slot) &&
	    (sup->lifecycle.state == LIFECYCLE_DRAINING ||
		sup->lifecycle.state == LIFECYCLE_CLOSING))
		drain_slot(sup, slot);
}

/* Is there a slot with connections that have not been closed yet? */
static bool
is_anything_left(const struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->gateways; i++) {
		const struct slot *slot = sup->slots[i];

		if (slot->drained || !slot->served)
			continue;
		/* Empty already: no need to wait until its window is over. */
		if (atomic_load(&sup->node.shared->slot[i].connections) == 0)
			continue;
		if (slot_has_tenant(slot) || slot->state == SLOT_BACKOFF)
			return true;
	}
	return false;
}

static void
end_drain(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;

	if (is_anything_left(sup) || life->empty)
		return;
	if (life->state == LIFECYCLE_CLOSING || life->stops_after) {
		stop_workers(sup);
		return;
	}
	life->empty = true;
	log_notice("drained", "the node is empty and refuses connections");
	supervisor_event(sup, "drained", -1, NULL, NULL, 0);
}

static void
start_closing(struct supervisor *sup)
{
	uint64_t window_ms = sup->conf.settings.drain.window_ms;

	enter(sup, LIFECYCLE_DRAINING);
	close_all(sup, CLOSE_RESTART, window_ms);
	if (sup->lifecycle.stops_after)
		arm_deadline(sup, window_ms + DRAIN_EXTRA_MS);
	end_drain(sup);
}

/* First the load balancers: they see that we are not ready, and while they
 * have not seen it yet, what they send is served. */
static void
begin_drain(struct supervisor *sup, bool stops_after)
{
	uint64_t wait_ms = sup->conf.settings.drain.lb_wait_ms;

	sup->lifecycle.stops_after = stops_after;
	if (sup->lifecycle.state != LIFECYCLE_READY || wait_ms == 0) {
		start_closing(sup);
		return;
	}
	enter(sup, LIFECYCLE_LEAVING);
	arm_deadline(sup, wait_ms);
}

void
lifecycle_drain(struct supervisor *sup)
{
	if (sup->lifecycle.state <= LIFECYCLE_READY)
		begin_drain(sup, false);
}

int
lifecycle_undrain(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	uint32_t i;

	if (life->state <= LIFECYCLE_READY)
		return -EALREADY;
	if (life->state > LIFECYCLE_DRAINING || life->stops_after)
		return -EBUSY;
	event_del(life->deadline);
	atomic_store(&sup->node.shared->draining, 0);
	for (i = 0; i < sup->gateways; i++)
		(void)slot_undrain(sup->slots[i]);
	enter(sup, sup->was_ready ? LIFECYCLE_READY : LIFECYCLE_STARTING);
	return 0;
}

void
lifecycle_stop(struct supervisor *sup, bool graceful)
{
	struct lifecycle *life = &sup->lifecycle;
	uint64_t window = sup->conf.settings.drain.window_ms;
	bool asked_twice = lifecycle_is_draining(sup) && life->stops_after &&
	    graceful;

	if (life->state == LIFECYCLE_STOPPING)
		return;
	notify_stopping();
	if (asked_twice || life->state == LIFECYCLE_CLOSING) {
		stop_workers(sup);
		return;
	}
	if (!graceful) {
		enter(sup, LIFECYCLE_CLOSING);
		close_all(sup, CLOSE_GOING_AWAY, 0);
		arm_deadline(sup, CLOSING_MS);
	} else if (life->state <= LIFECYCLE_READY) {
		begin_drain(sup, true);
	} else {
		/* A drain under way keeps its pace. */
		life->stops_after = true;
		life->empty = false;
		if (life->state == LIFECYCLE_DRAINING)
			arm_deadline(sup, window + DRAIN_EXTRA_MS);
	}
	if (life->state != LIFECYCLE_LEAVING)
		end_drain(sup);
}

static void
stop_workers(struct supervisor *sup)
{
	uint32_t i;

	event_del(sup->lifecycle.deadline);
	enter(sup, LIFECYCLE_STOPPING);
	for (i = 0; i < sup->gateways; i++)
		slot_stop(sup->slots[i], false);
	lifecycle_slot_changed(sup);
}

/* The relay last: until then it tells senders what became of deliveries. */
static void
go_on_stopping(struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->gateways; i++) {
		if (sup->slots[i]->state != SLOT_STOPPED)
			return;
	}
	if (sup->relay != NULL && sup->relay->state != SLOT_STOPPED) {
		if (sup->relay->state != SLOT_STOPPING)
			slot_stop(sup->relay, false);
		return;
	}
	event_base_loopbreak(sup->base);
}

void
lifecycle_slot_changed(struct supervisor *sup)
{
	switch (sup->lifecycle.state) {
	case LIFECYCLE_STARTING:
		if (supervisor_serving(sup) == sup->slot_count) {
			enter(sup, LIFECYCLE_READY);
			supervisor_became_ready(sup);
		}
		break;
	case LIFECYCLE_DRAINING:
	case LIFECYCLE_CLOSING:
		end_drain(sup);
		break;
	case LIFECYCLE_STOPPING:
		go_on_stopping(sup);
		break;
	case LIFECYCLE_READY:
	case LIFECYCLE_LEAVING:
	case LIFECYCLE_STATE_MAX:
		break;
	}
}

void
lifecycle_tell_status(const struct supervisor *sup)
{
	notify_status("%s, %u of %u slots serve, %u connections",
	    lifecycle_state_name(sup->lifecycle.state), supervisor_serving(sup),
	    sup->slot_count, node_connections(&sup->node));
}

bool
lifecycle_is_draining(const struct supervisor *sup)
{
	return sup->lifecycle.state >= LIFECYCLE_LEAVING;
}

const char *
lifecycle_state_name(enum lifecycle_state state)
{
	static const char *const names[LIFECYCLE_STATE_MAX] = {
		[LIFECYCLE_STARTING] = "starting",
		[LIFECYCLE_READY] = "ready",
		[LIFECYCLE_LEAVING] = "leaving",
		[LIFECYCLE_DRAINING] = "draining",
		[LIFECYCLE_CLOSING] = "stopping",
		[LIFECYCLE_STOPPING] = "stopping",
	};

	return (unsigned)state < LIFECYCLE_STATE_MAX ? names[state] : "unknown";
}
