/* SPDX-License-Identifier: ISC */
/*
 * Waiting for the fleet (see drain_lease.h).
 */
#include "supervisor/drain_lease.h"

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/lifecycle_parts.h"
#include "supervisor/supervisor.h"

/* A node that stops has waited long enough. */
static void
go_without(struct supervisor *sup)
{
	log_warn("drain_unleased",
	    "the fleet has not permitted it; the node stops all the same");
	fleet_event(sup->fleet, "drain_unleased", sup->conf.settings.node.id,
	    "not permitted within drain.lease_wait",
	    node_connections(&sup->node));
	lifecycle_start_closing(sup);
}

static void
ask(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;

	if (life->state != LIFECYCLE_LEAVING)
		lifecycle_enter(sup, LIFECYCLE_LEAVING);
	if (life->drain.stops_after)
		lifecycle_arm(sup, life->lease_until_ms);
	fleet_permit_tick(sup->fleet, clock_mono_ms());
}

static void
resume(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;

	log_notice("drain_resumed", NULL,
	    log_uint("window_ms", life->paused_left_ms));
	supervisor_event(sup, "drain_resumed", -1, NULL, NULL,
	    node_connections(&sup->node));
	life->drain.end_ms = clock_mono_ms() + life->paused_left_ms;
	lifecycle_go_on_closing(sup);
}

/* A supervisor that comes meanwhile has as much time left. */
static void
stay_paused(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	uint64_t now = clock_mono_ms();

	atomic_store(&sup->node.shared->permit.until_ms, now);
	life->drain.end_ms = now + life->paused_left_ms;
	lifecycle_save(sup);
}

static void
pause_drain(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	uint64_t until_ms = atomic_load(&sup->node.shared->permit.until_ms);
	uint32_t i;

	/* Gateways have stood still since then. */
	life->paused_left_ms = life->drain.end_ms > until_ms ?
	    life->drain.end_ms - until_ms :
	    0;
	event_del(life->deadline);
	for (i = 0; i < sup->gateways; i++) {
		if (!sup->slots[i]->leaving)
			(void)slot_undrain(sup->slots[i]);
	}
	log_warn("drain_paused",
	    "the fleet's permission could not be renewed in time",
	    log_uint("connections", node_connections(&sup->node)));
	supervisor_event(sup, "drain_paused", -1, NULL, NULL,
	    node_connections(&sup->node));
	stay_paused(sup);
}

void
drain_lease_feed(struct supervisor *sup, enum drain_lease_event event)
{
	struct drain_lease_move move = drain_lease_step(sup->lifecycle.lease,
	    event);

	sup->lifecycle.lease = move.next;
	switch (move.action) {
	case DRAIN_LEASE_ACT_NONE:
	case DRAIN_LEASE_ACT_UNEXPECTED:
	case DRAIN_LEASE_ACTION_MAX:
		break;
	case DRAIN_LEASE_ACT_ASK:
		ask(sup);
		break;
	case DRAIN_LEASE_ACT_CLOSE:
		lifecycle_start_closing(sup);
		break;
	case DRAIN_LEASE_ACT_UNLEASED:
		go_without(sup);
		break;
	case DRAIN_LEASE_ACT_PAUSE:
		pause_drain(sup);
		break;
	case DRAIN_LEASE_ACT_STAY:
		stay_paused(sup);
		break;
	case DRAIN_LEASE_ACT_RESUME:
		resume(sup);
		break;
	}
}

static bool
has_waited(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	uint64_t now = clock_mono_ms();

	if (!life->drain.stops_after || life->lease == DRAIN_LEASE_FORCED)
		return false;
	if (life->lease_until_ms == 0)
		life->lease_until_ms = now +
		    sup->conf.settings.drain.lease_wait_ms;
	return now >= life->lease_until_ms;
}

void
drain_lease_seek(struct supervisor *sup)
{
	/* Nobody is moved where nobody is. */
	if (sup->fleet == NULL || node_connections(&sup->node) == 0)
		drain_lease_feed(sup, DRAIN_LEASE_EV_FREE);
	else if (has_waited(sup))
		drain_lease_feed(sup, DRAIN_LEASE_EV_IMPATIENT);
	else
		drain_lease_feed(sup, DRAIN_LEASE_EV_SEEK);
}

void
drain_lease_check(struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;

	/* Nobody renews it for a node that is empty. */
	if (!life->empty && !life->cut && node_connections(&sup->node) > 0 &&
	    node_permit_is_over(&sup->node.shared->permit,
		&sup->node.shared->drain, clock_mono_ms()))
		drain_lease_feed(sup, DRAIN_LEASE_EV_OVER);
}

void
drain_lease_restore(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	struct node_permit *permit = &sup->node.shared->permit;

	if (node_permit_is_forced(permit, life->drain.asked_real_ms))
		life->lease = DRAIN_LEASE_FORCED;
	else if (life->drain.state == NODE_DRAIN_CLOSING)
		life->lease = DRAIN_LEASE_HELD;
	life->is_verdict = node_permit_is_verdict(permit,
	    life->drain.asked_real_ms);
	/* Nobody would ever renew it. */
	if (sup->conf.settings.redis.url[0] == '\0')
		atomic_store(&permit->until_ms, 0);
}

uint64_t
drain_lease_wanted(const struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;
	bool is_closing = life->state == LIFECYCLE_DRAINING ||
	    life->state == LIFECYCLE_CLOSING;

	if (life->lease != DRAIN_LEASE_WAITING && (!is_closing || life->empty))
		return 0;
	return life->drain.asked_real_ms;
}

bool
drain_lease_is_forced(const struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;

	return life->lease == DRAIN_LEASE_FORCED ||
	    (life->lease == DRAIN_LEASE_HELD && life->drain.stops_after);
}

enum drain_lease
drain_lease_shown(const struct supervisor *sup)
{
	return sup->fleet == NULL || drain_lease_wanted(sup) == 0 ?
	    DRAIN_LEASE_NONE :
	    sup->lifecycle.lease;
}
