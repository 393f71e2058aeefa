/* SPDX-License-Identifier: ISC */
/*
 * The end of a node (see lifecycle.h), in steps that each wait for the one
 * before, but not for ever.  In a fleet what is left of connections is cut by
 * the gateways, which tell the relay of it; they end; the relay removes routes
 * and passes on what clients have sent; only then is the fleet told that the
 * node has left.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/lifecycle_parts.h"
#include "supervisor/supervisor.h"

#define CUT_MS 1000
/* What Redis may take to take what there is, and the relay to tell of it. */
#define PART_MS	      5000
#define PART_EXTRA_MS 1000

static void
enter(struct supervisor *sup, enum lifecycle_end step, uint64_t ms)
{
	sup->lifecycle.end = step;
	lifecycle_arm(sup, clock_mono_ms() + ms);
}

static bool
is_fleet(const struct supervisor *sup)
{
	return sup->fleet != NULL && sup->relay != NULL;
}

static void
cut_gateways(struct supervisor *sup)
{
	enter(sup, LIFECYCLE_END_CUT, CUT_MS);
	for (uint32_t i = 0; i < sup->gateways; i++)
		if (lifecycle_has_left(sup, sup->slots[i]))
			(void)slot_cut(sup->slots[i]);
}

static void
stop_gateways(struct supervisor *sup)
{
	event_del(sup->lifecycle.deadline);
	sup->lifecycle.end = LIFECYCLE_END_GATEWAYS;
	for (uint32_t i = 0; i < sup->gateways; i++)
		slot_stop(sup->slots[i], false);
}

/* One that dies over it is told again when the next one serves. */
static void
part_relay(struct supervisor *sup)
{
	enter(sup, LIFECYCLE_END_PART, PART_MS + PART_EXTRA_MS);
	if (slot_has_tenant(sup->relay))
		(void)slot_drain(sup->relay, DRAIN_CLOSE_CODE, PART_MS, 0,
		    false);
}

/* The relay last: until then it tells senders what became of deliveries. */
static void
stop_relay(struct supervisor *sup)
{
	event_del(sup->lifecycle.deadline);
	sup->lifecycle.end = LIFECYCLE_END_RELAY;
	fleet_leave(sup);
	if (sup->relay != NULL)
		slot_stop(sup->relay, false);
}

static bool
is_any_left(const struct supervisor *sup)
{
	for (uint32_t i = 0; i < sup->gateways; i++)
		if (lifecycle_has_left(sup, sup->slots[i]))
			return true;
	return false;
}

static bool
is_any_running(const struct supervisor *sup)
{
	for (uint32_t i = 0; i < sup->gateways; i++)
		if (sup->slots[i]->state != SLOT_STOPPED)
			return true;
	return false;
}

/* Or it never will: nobody is there, nor comes. */
static bool
has_parted(const struct slot *relay)
{
	return relay->drained ||
	    (!slot_has_tenant(relay) && relay->state != SLOT_BACKOFF);
}

void
lifecycle_end_go_on(struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;

	if (life->end == LIFECYCLE_END_CUT && !is_any_left(sup))
		stop_gateways(sup);
	if (life->end == LIFECYCLE_END_GATEWAYS && !is_any_running(sup)) {
		if (is_fleet(sup))
			part_relay(sup);
		else
			stop_relay(sup);
	}
	if (life->end == LIFECYCLE_END_PART && has_parted(sup->relay))
		stop_relay(sup);
	if (life->end == LIFECYCLE_END_RELAY &&
	    (sup->relay == NULL || sup->relay->state == SLOT_STOPPED))
		event_base_loopbreak(sup->base);
}

void
lifecycle_end_begin(struct supervisor *sup)
{
	if (is_fleet(sup))
		cut_gateways(sup);
	else
		stop_gateways(sup);
	lifecycle_end_go_on(sup);
}

void
lifecycle_end_slot_up(struct supervisor *sup, const struct slot *slot)
{
	if (sup->lifecycle.end == LIFECYCLE_END_PART && slot == sup->relay)
		part_relay(sup);
}

void
lifecycle_end_hurry(struct supervisor *sup)
{
	if (sup->lifecycle.end == LIFECYCLE_END_CUT) {
		stop_gateways(sup);
	} else if (sup->lifecycle.end == LIFECYCLE_END_PART) {
		log_warn("relay_not_parted",
		    "routes may be left, and clients' messages lost");
		stop_relay(sup);
	}
	lifecycle_end_go_on(sup);
}
