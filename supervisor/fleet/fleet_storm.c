/* SPDX-License-Identifier: ISC */
/*
 * A storm as one node of the fleet sees it (see fleet_storm.h).
 */
#include "supervisor/fleet/fleet_storm.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"

#define BUDGET_UNKNOWN 5000

double
fleet_storm_budget(double budget)
{
	return budget > 0 ? budget : BUDGET_UNKNOWN;
}

void
fleet_storm_recall(struct fleet *fleet)
{
	uint32_t left = atomic_load(&fleet->sup->node.shared->spread_ms);

	/* By our clock, which is all we know of that of Redis. */
	if (left > 0 && left <= STORM_WINDOW_MAX_MS)
		fleet->summary.storm.until_ms =
		    fleet_redis_ms(fleet, clock_mono_ms()) + left;
}

uint64_t
fleet_storm_left_ms(const struct supervisor *sup)
{
	const struct fleet *fleet = sup->fleet;
	uint64_t now, left;

	if (fleet == NULL)
		return 0;
	now = fleet_redis_ms(fleet, clock_mono_ms());
	if (fleet->summary.storm.until_ms <= now)
		return 0;
	left = fleet->summary.storm.until_ms - now;
	return left < STORM_WINDOW_MAX_MS ? left : STORM_WINDOW_MAX_MS;
}

struct fleet_handshakes
fleet_storm_sum(const struct fleet_members *members)
{
	struct fleet_handshakes sum = { 0 };
	size_t i;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (member->state != MEMBER_HEALTHY &&
		    member->state != MEMBER_JOINING)
			continue;
		sum.budget += fleet_storm_budget(member->budget);
		sum.now += member->rate;
		sum.best += member->best;
		sum.unlimited += !(member->budget > 0);
	}
	return sum;
}

uint32_t
fleet_storm_handshakes(const struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	double ceiling = (double)set->fleet.storm.handshakes_per_second;
	double own = fleet_storm_budget(
	    (double)set->admission.handshakes_per_second);
	double bucket;
	uint32_t kept;

	if (!(ceiling > 0) || fleet_storm_left_ms(sup) == 0)
		return 0;
	kept = atomic_load(&sup->node.shared->handshake_limit);
	/* Who else takes part is not known yet either. */
	if (!sup->fleet->summary.is_known && kept > 0)
		return kept < own ? kept : (uint32_t)own;
	bucket = storm_bucket(own, fleet_storm_sum(&sup->fleet->members).budget,
	    ceiling);
	/* A bucket that never fills would keep clients out for good. */
	return bucket < 1 ? 1 : (uint32_t)bucket;
}

static void
tell(struct supervisor *sup, uint64_t left_ms, uint32_t limit)
{
	char text[64];

	if (left_ms == 0) {
		log_notice("storm_over", NULL);
		supervisor_event(sup, "storm_over", -1, NULL, NULL, 0);
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "clients come back over %" PRIu64 " ms", left_ms);
	log_notice("storm", "clients of a lost node come back",
	    log_uint("left_ms", left_ms),
	    log_uint("handshakes_per_second", limit));
	supervisor_event(sup, "storm", -1, NULL, text, (int64_t)limit);
}

void
fleet_storm_apply(struct supervisor *sup)
{
	struct node_shared *shared = sup->node.shared;
	uint64_t left = fleet_storm_left_ms(sup);
	uint32_t limit = fleet_storm_handshakes(sup);

	/* Not joined yet: what stands there is what gateways go by. */
	if (sup->fleet == NULL && sup->conf.settings.redis.url[0] != '\0')
		return;
	atomic_store(&shared->spread_ms, (uint32_t)left);
	atomic_store(&shared->handshake_limit, limit);
	if (sup->fleet == NULL || sup->fleet->in_storm == (left > 0))
		return;
	sup->fleet->in_storm = left > 0;
	tell(sup, left, limit);
}
