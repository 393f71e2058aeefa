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
	sup->lifecycle.is_forced = true;
}

void
drain_lease_seek(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	uint64_t now = clock_mono_ms();

	/* Nobody is moved where nobody is. */
	if (sup->fleet == NULL || node_connections(&sup->node) == 0) {
		lifecycle_start_closing(sup);
		return;
	}
	if (life->drain.stops_after && !life->is_forced) {
		if (life->lease_until_ms == 0)
			life->lease_until_ms = now +
			    sup->conf.settings.drain.lease_wait_ms;
		if (now >= life->lease_until_ms)
			go_without(sup);
	}
	if (life->is_forced) {
		lifecycle_start_closing(sup);
		return;
	}
	life->waits_lease = true;
	if (life->state != LIFECYCLE_LEAVING)
		lifecycle_enter(sup, LIFECYCLE_LEAVING);
	if (life->drain.stops_after)
		lifecycle_arm(sup, life->lease_until_ms);
	fleet_permit_tick(sup->fleet, now);
}

void
drain_lease_granted(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;

	if (life->waits_lease) {
		lifecycle_start_closing(sup);
	} else if (life->is_paused) {
		log_notice("drain_resumed", NULL,
		    log_uint("window_ms", life->paused_left_ms));
		supervisor_event(sup, "drain_resumed", -1, NULL, NULL,
		    node_connections(&sup->node));
		life->drain.end_ms = clock_mono_ms() + life->paused_left_ms;
		lifecycle_go_on_closing(sup);
	}
}

static void
pause_drain(struct supervisor *sup, uint64_t until_ms)
{
	struct lifecycle *life = &sup->lifecycle;
	uint32_t i;

	life->is_paused = true;
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
}

void
drain_lease_check(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	struct node_permit *permit = &sup->node.shared->permit;
	uint64_t now = clock_mono_ms();

	/* Nobody renews it for a node that is empty. */
	if (life->empty || life->cut || node_connections(&sup->node) == 0 ||
	    !node_permit_is_over(permit, &sup->node.shared->drain, now))
		return;
	if (!life->is_paused)
		pause_drain(sup, atomic_load(&permit->until_ms));
	/* A supervisor that comes meanwhile has as much time left. */
	atomic_store(&permit->until_ms, now);
	life->drain.end_ms = now + life->paused_left_ms;
	lifecycle_save(sup);
}

void
drain_lease_restore(struct supervisor *sup)
{
	struct lifecycle *life = &sup->lifecycle;
	struct node_permit *permit = &sup->node.shared->permit;

	life->is_forced = node_permit_is_forced(permit,
	    life->drain.asked_real_ms);
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

	if (!life->waits_lease && (!is_closing || life->empty))
		return 0;
	return life->drain.asked_real_ms;
}

bool
drain_lease_is_forced(const struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;

	return life->is_forced ||
	    (life->drain.stops_after && !life->waits_lease);
}

const char *
drain_lease_name(const struct supervisor *sup)
{
	const struct lifecycle *life = &sup->lifecycle;

	if (sup->fleet == NULL || drain_lease_wanted(sup) == 0)
		return "none";
	if (life->waits_lease)
		return "waiting";
	if (life->is_paused)
		return "paused";
	return life->is_forced ? "forced" : "held";
}
