/* SPDX-License-Identifier: ISC */
/*
 * The fleet in /metrics (see metrics_fleet.h).
 */
#include "supervisor/metrics_fleet.h"

#include <string.h>

#include "lib/clock.h"
#include "supervisor/drain_lease.h"
#include "supervisor/fleet/fleet_deaf.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/metrics_text.h"
#include "supervisor/supervisor.h"

static void
render_members(const struct fleet *fleet, struct textbuf *out)
{
	uint32_t counts[MEMBER_STATE_MAX] = { 0 };
	size_t i;
	int s;

	for (i = 0; i < fleet->members.count; i++)
		counts[fleet->members.all[i].state]++;
	metrics_describe(out, "fleet_nodes", "gauge",
	    "Nodes of the fleet by state.");
	for (s = 0; s < MEMBER_STATE_MAX; s++)
		textbuf_printf(out, "holdfast_fleet_nodes{state=\"%s\"} %u\n",
		    member_state_name((enum member_state)s), counts[s]);
	metrics_describe(out, "fleet_partition", "gauge",
	    "1 for what the silence of Redis means; none: it is not silent.");
	for (s = 0; s < PARTITION_VERDICT_MAX; s++)
		textbuf_printf(out,
		    "holdfast_fleet_partition{verdict=\"%s\"} %d\n",
		    partition_verdict_name((enum partition_verdict)s),
		    fleet->cut.state.verdict == (enum partition_verdict)s);
}

/* The fleet's permission to drain. */
static void
render_lease(const struct supervisor *sup, struct textbuf *out)
{
	enum drain_lease lease = drain_lease_shown(sup);
	int i;

	metrics_describe(out, "fleet_drain_lease", "gauge",
	    "1 for what the fleet says of this node's drain.");
	for (i = 0; i < DRAIN_LEASE_MAX; i++)
		textbuf_printf(out,
		    "holdfast_fleet_drain_lease{state=\"%s\"} %d\n",
		    drain_lease_name((enum drain_lease)i),
		    (enum drain_lease)i == lease);
	metrics_gauge(out, "fleet_drain_reserved",
	    "Connections that this node's drain has reserved.",
	    lease == DRAIN_LEASE_HELD ? node_connections(&sup->node) : 0);
	metrics_gauge(out, "fleet_drain_reserved_by_others",
	    "Those of other nodes, when this one last asked for its drain.",
	    (double)sup->fleet->drain.reserved);
	metrics_gauge(out, "fleet_upgrade_lease",
	    "1 while this node has the fleet's permission to upgrade.",
	    sup->fleet->upgrade.is_granted);
}

/* What the leader says of verdicts, as one state of these. */
static void
render_hold(const struct fleet *fleet, struct textbuf *out)
{
	int h;

	metrics_describe(out, "fleet_failover", "gauge",
	    "1 for what the leader says of declaring nodes dead.");
	for (h = 0; h < FAILOVER_HOLD_MAX; h++) {
		const char *name = failover_hold_name((enum failover_hold)h);

		textbuf_printf(out, "holdfast_fleet_failover{hold=\"%s\"} %d\n",
		    name, strcmp(fleet->summary.hold, name) == 0);
	}
	metrics_gauge(out, "fleet_missing", "Nodes whose lease is over.",
	    (double)fleet->summary.expired);
}

static void
render_handshakes(const struct supervisor *sup, struct textbuf *out)
{
	struct fleet_handshakes sum = fleet_storm_sum(&sup->fleet->members);

	metrics_describe(out, "fleet_handshakes", "gauge",
	    "Handshakes a second of all nodes: configured, now, and each "
	    "node's best together.");
	textbuf_printf(out,
	    "holdfast_fleet_handshakes{what=\"configured\"} %.15g\n"
	    "holdfast_fleet_handshakes{what=\"now\"} %.15g\n"
	    "holdfast_fleet_handshakes{what=\"best\"} %.15g\n",
	    sum.budget, sum.now, sum.best);
	metrics_gauge(out, "fleet_handshake_limit",
	    "Handshakes a second in a storm; 0: as configured.",
	    fleet_storm_handshakes(sup));
}

/* Of the leader's last word. */
static double
picture_age(const struct fleet *fleet, uint64_t now_ms)
{
	uint64_t now = fleet_redis_ms(fleet, now_ms);

	if (!fleet->summary.is_known)
		return -1;
	return now > fleet->summary.at_ms ?
	    (double)(now - fleet->summary.at_ms) / 1000.0 :
	    0;
}

/* The relay's links, and whether Redis knows who is connected here; all 0
 * while a version that is not known has the relay. */
static void
render_relay(const struct slot_redis *redis, struct textbuf *out)
{
	uint32_t i;

	metrics_describe(out, "redis_link_up", "gauge",
	    "1 while the relay has that link to Redis.");
	textbuf_printf(out,
	    "holdfast_redis_link_up{link=\"commands\"} %d\n"
	    "holdfast_redis_link_up{link=\"pushes\"} %d\n",
	    redis != NULL && atomic_load(&redis->commands_up) != 0,
	    redis != NULL && atomic_load(&redis->pushes_up) != 0);
	metrics_describe(out, "redis_routes", "gauge",
	    "1 for what the relay does with the routes in Redis.");
	for (i = 0; i < SLOT_ROUTES_MAX; i++)
		textbuf_printf(out, "holdfast_redis_routes{state=\"%s\"} %d\n",
		    slot_routes_name(i),
		    redis != NULL && atomic_load(&redis->routes) == i);
	metrics_gauge(out, "redis_routes_compared",
	    "Connections whose route the last comparison has come to.",
	    redis == NULL ? 0 : (double)atomic_load(&redis->routes_done));
}

static void
render_hearing(const struct slot_redis *redis, struct textbuf *out)
{
	int i;

	metrics_describe(out, "redis_deaf", "gauge",
	    "1 for a path through Redis by which no canary comes.");
	for (i = 0; i < SLOT_PATH_MAX; i++)
		textbuf_printf(out, "holdfast_redis_deaf{path=\"%s\"} %d\n",
		    slot_path_name((uint32_t)i),
		    redis != NULL &&
			atomic_load(&redis->paths[i].hearing) == SLOT_DEAF);
}

void
metrics_fleet_render(const struct supervisor *sup, struct textbuf *out)
{
	const struct fleet *fleet = sup->fleet;
	uint64_t now = clock_mono_ms();

	if (fleet == NULL)
		return;
	metrics_gauge(out, "fleet_joined", "1 while Redis knows our lease.",
	    fleet->place == FLEET_JOINED);
	metrics_gauge(out, "fleet_leader", "1 while this node leads the fleet.",
	    leader_leads(&fleet->leader, now));
	metrics_gauge(out, "fleet_epoch", "Terms of leaders so far.",
	    (double)fleet->summary.epoch);
	metrics_gauge(out, "fleet_redis_age_seconds",
	    "Since Redis last answered the supervisor; -1: never.",
	    fleet->heard_ms == 0 ? -1.0 :
				   (double)(now - fleet->heard_ms) / 1000.0);
	metrics_gauge(out, "fleet_connections_held",
	    "Connections that the limits are made for.",
	    (double)fleet->summary.held);
	metrics_gauge(out, "fleet_limit_level",
	    "The level that limits are filled to.",
	    (double)fleet->summary.level);
	metrics_describe(out, "fleet_deaths_total", "counter",
	    "Nodes that this one has declared dead.");
	textbuf_printf(out, "holdfast_fleet_deaths_total %llu\n",
	    (unsigned long long)fleet->lead.deaths);
	metrics_describe(out, "fleet_routes_purged_total", "counter",
	    "Routes to dead nodes that this one has deleted.");
	textbuf_printf(out, "holdfast_fleet_routes_purged_total %llu\n",
	    (unsigned long long)fleet->lead.routes_purged);
	metrics_gauge(out, "fleet_blast_radius",
	    "Share of the fleet's connections that the loss of a node costs.",
	    fleet->summary.effective);
	metrics_gauge(out, "fleet_storm_left_seconds",
	    "Over which clients of a lost node still come back.",
	    (double)fleet_storm_left_ms(sup) / 1000.0);
	metrics_gauge(out, "fleet_picture_age_seconds",
	    "Since the leader published what this node knows; -1: never.",
	    picture_age(fleet, now));
	render_hold(fleet, out);
	render_handshakes(sup, out);
	render_relay(fleet_deaf_state(sup), out);
	render_hearing(fleet_deaf_state(sup), out);
	render_lease(sup, out);
	render_members(fleet, out);
}
