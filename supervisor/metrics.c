/* SPDX-License-Identifier: ISC */
/*
 * Renders /metrics (see metrics.h).  A metric's help and type stand once, in
 * front of all its samples, as the format demands.
 */
#include "supervisor/metrics.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "proto/counter_info.h"
#include "supervisor/drain_lease.h"
#include "supervisor/drain_progress.h"
#include "supervisor/fleet/fleet_deaf.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/supervisor.h"

/* Buckets shown: powers of two from 16 us to 67 s. */
#define BUCKET_FIRST_LOG2 4
#define BUCKET_LAST_LOG2  26

static const struct slot_header *
header_of(const struct slot *slot)
{
	return slot->memory.table.header;
}

static void
describe(struct textbuf *out, const char *name, const char *type,
    const char *help)
{
	textbuf_printf(out, "# HELP holdfast_%s %s\n# TYPE holdfast_%s %s\n",
	    name, help, name, type);
}

static void
gauge(struct textbuf *out, const char *name, const char *help, double value)
{
	describe(out, name, "gauge", help);
	textbuf_printf(out, "holdfast_%s %.15g\n", name, value);
}

static void
render_counters(const struct supervisor *sup, struct textbuf *out)
{
	const char *before = "";
	char name[96];
	uint32_t i;
	int c;

	for (c = 0; c < COUNTER_MAX; c++) {
		const struct counter_info *info = counter_info((enum counter)c);

		snprintf(name, sizeof(name), "%s_total", info->metric);
		if (strcmp(info->metric, before) != 0)
			describe(out, name, "counter", info->help);
		before = info->metric;
		for (i = 0; i < sup->slot_count; i++) {
			const struct slot *slot = sup->slots[i];
			const struct counters *counters = slot_memory_counters(
			    &slot->memory);

			if (counters == NULL)
				continue;
			textbuf_printf(out,
			    "holdfast_%s{worker=\"%s\"%s%s} "
			    "%llu\n",
			    name, slot->label, info->labels ? "," : "",
			    info->labels ? info->labels : "",
			    (unsigned long long)counter_get(counters,
				(enum counter)c));
		}
	}
}

static void
render_histogram(const struct slot *slot, const char *name,
    const struct histogram *histogram, struct textbuf *out)
{
	uint64_t count = 0, bucket;
	int log2;

	for (log2 = BUCKET_FIRST_LOG2; log2 <= BUCKET_LAST_LOG2; log2++) {
		bucket = histogram_count_up_to(histogram, UINT64_C(1) << log2);
		/* Recorded into meanwhile: it must not seem to fall. */
		if (bucket > count)
			count = bucket;
		textbuf_printf(out,
		    "holdfast_%s_bucket{worker=\"%s\",le=\"%.9g\"} %llu\n",
		    name, slot->label, (double)(UINT64_C(1) << log2) / 1e6,
		    (unsigned long long)count);
	}
	bucket = histogram_count(histogram);
	if (bucket > count)
		count = bucket;
	textbuf_printf(out,
	    "holdfast_%s_bucket{worker=\"%s\",le=\"+Inf\"} %llu\n"
	    "holdfast_%s_sum{worker=\"%s\"} %.9g\n"
	    "holdfast_%s_count{worker=\"%s\"} %llu\n",
	    name, slot->label, (unsigned long long)count, name, slot->label,
	    (double)histogram_sum_us(histogram) / 1e6, name, slot->label,
	    (unsigned long long)count);
}

static void
render_histograms(const struct supervisor *sup, struct textbuf *out)
{
	uint32_t i;
	int h;

	for (h = 0; h < HISTOGRAM_MAX; h++) {
		const char *name = counter_histogram_metric(
		    (enum slot_histogram)h);

		describe(out, name, "histogram",
		    counter_histogram_help((enum slot_histogram)h));
		for (i = 0; i < sup->slot_count; i++) {
			const struct slot *slot = sup->slots[i];
			const struct counters *counters = slot_memory_counters(
			    &slot->memory);

			if (counters != NULL)
				render_histogram(slot, name,
				    &counters->histogram[h], out);
		}
	}
}

static void
render_connections(const struct supervisor *sup, struct textbuf *out)
{
	uint32_t i;

	describe(out, "connections", "gauge",
	    "Connections; open: past the 101 and not closing.");
	for (i = 0; i < sup->gateways; i++) {
		const struct node_slot *counts = &sup->node.shared->slot[i];
		uint32_t all = atomic_load(&counts->connections);
		uint32_t open = atomic_load(&counts->open);

		textbuf_printf(out,
		    "holdfast_connections{worker=\"%s\",state=\"open\"} %u\n"
		    "holdfast_connections{worker=\"%s\",state=\"other\"} %u\n",
		    sup->slots[i]->label, open, sup->slots[i]->label,
		    all > open ? all - open : 0);
	}
}

static void
render_memory(const struct supervisor *sup, struct textbuf *out)
{
	uint32_t i;

	describe(out, "arena_bytes", "gauge",
	    "Bytes in flight: pages in use, and how many may be.");
	for (i = 0; i < sup->gateways; i++) {
		const struct slot *slot = sup->slots[i];
		const struct slot_header *header = header_of(slot);

		if (header == NULL)
			continue;
		textbuf_printf(out,
		    "holdfast_arena_bytes{worker=\"%s\",what=\"used\"} %llu\n"
		    "holdfast_arena_bytes{worker=\"%s\",what=\"limit\"} "
		    "%llu\n",
		    slot->label, 1024ull * atomic_load(&header->arena_used_kib),
		    slot->label,
		    1024ull * atomic_load(&header->arena_limit_kib));
	}
	describe(out, "ring_bytes", "gauge",
	    "Fill of the rings; up: gateway to relay, down: relay to "
	    "gateway.");
	for (i = 0; i < sup->gateways; i++) {
		const struct slot *slot = sup->slots[i];

		if (slot->memory.ring_up.shared == NULL ||
		    slot->memory.ring_down.shared == NULL)
			continue;
		textbuf_printf(out,
		    "holdfast_ring_bytes{worker=\"%s\",ring=\"up\"} %u\n"
		    "holdfast_ring_bytes{worker=\"%s\",ring=\"down\"} %u\n",
		    slot->label, ring_used(&slot->memory.ring_up), slot->label,
		    ring_used(&slot->memory.ring_down));
	}
}

static void
render_slots(const struct supervisor *sup, struct textbuf *out)
{
	uint32_t i;
	int state;

	describe(out, "slot_state", "gauge",
	    "1 for the state that the slot is in.");
	for (i = 0; i < sup->slot_count; i++) {
		for (state = 0; state < SLOT_STATE_MAX; state++)
			textbuf_printf(out,
			    "holdfast_slot_state{worker=\"%s\",state=\"%s\"} "
			    "%d\n",
			    sup->slots[i]->label,
			    slot_state_name((enum slot_state)state),
			    sup->slots[i]->state == (enum slot_state)state);
	}
	describe(out, "slot_renewals_total", "counter",
	    "Times a slot was lost and started empty.");
	for (i = 0; i < sup->slot_count; i++)
		textbuf_printf(out,
		    "holdfast_slot_renewals_total{worker=\"%s\"} %llu\n",
		    sup->slots[i]->label,
		    (unsigned long long)sup->slots[i]->renewals);
}

/* All 0 while nothing is drained. */
static void
render_drain(const struct supervisor *sup, struct textbuf *out)
{
	struct drain_progress at;

	drain_progress_get(sup, &at);
	gauge(out, "draining", "1 while new connections are refused.",
	    atomic_load(&sup->node.shared->draining) != 0);
	gauge(out, "drain_connections", "That the drain began with.", at.total);
	gauge(out, "drain_connections_left", "That it has not closed yet.",
	    at.left);
	gauge(out, "drain_eta_seconds", "Until the last close.",
	    (double)at.eta_ms / 1000.0);
	gauge(out, "drain_cut_off", "That were left at its deadline.",
	    at.cut_off);
}

static void
render_node(const struct supervisor *sup, struct textbuf *out)
{
	int result;

	describe(out, "build_info", "gauge", "Version of holdfastd.");
	textbuf_printf(out, "holdfast_build_info{version=\"%s\"} 1\n",
	    HOLDFAST_VERSION);
	gauge(out, "ready", "1 when all slots serve and nothing drains.",
	    supervisor_is_ready(sup));
	render_drain(sup, out);
	gauge(out, "uptime_seconds", "Since the supervisor started.",
	    (double)(clock_mono_ms() - sup->started_ms) / 1000.0);
	gauge(out, "slots", "Slots of this node.", sup->slot_count);
	gauge(out, "workers_wanted", "Gateway slots that there are to be.",
	    sup->resizer.wanted);
	gauge(out, "workers_leaving", "Gateway slots that are being emptied.",
	    sup->gateways - resizer_staying(sup));
	gauge(out, "slots_serving", "Slots that serve.",
	    supervisor_serving(sup));
	gauge(out, "capacity", "Connections that the node takes.",
	    atomic_load(&sup->node.shared->capacity));
	gauge(out, "capacity_configured", "node.capacity.",
	    sup->conf.settings.node.capacity);
	describe(out, "log_lines_dropped_total", "counter",
	    "Lines that the log target of the supervisor did not take.");
	textbuf_printf(out, "holdfast_log_lines_dropped_total %llu\n",
	    (unsigned long long)log_dropped());
	describe(out, "upgrades_total", "counter",
	    "Live upgrades by their result.");
	for (result = 0; result < UPGRADE_RESULT_MAX; result++)
		textbuf_printf(out,
		    "holdfast_upgrades_total{result=\"%s\"} %llu\n",
		    upgrade_result_name((enum upgrade_result)result),
		    (unsigned long long)sup->upgrade.results[result]);
	describe(out, "control_refused_total", "counter",
	    "Connections to the control socket that were refused.");
	textbuf_printf(out, "holdfast_control_refused_total %llu\n",
	    (unsigned long long)sup->control.refused);
}

static void
render_members(const struct fleet *fleet, struct textbuf *out)
{
	uint32_t counts[MEMBER_STATE_MAX] = { 0 };
	size_t i;
	int s;

	for (i = 0; i < fleet->members.count; i++)
		counts[fleet->members.all[i].state]++;
	describe(out, "fleet_nodes", "gauge", "Nodes of the fleet by state.");
	for (s = 0; s < MEMBER_STATE_MAX; s++)
		textbuf_printf(out, "holdfast_fleet_nodes{state=\"%s\"} %u\n",
		    member_state_name((enum member_state)s), counts[s]);
	describe(out, "fleet_partition", "gauge",
	    "1 for what the silence of Redis means; none: it is not silent.");
	for (s = 0; s < PARTITION_VERDICT_MAX; s++)
		textbuf_printf(out,
		    "holdfast_fleet_partition{verdict=\"%s\"} %d\n",
		    partition_verdict_name((enum partition_verdict)s),
		    fleet->cut.verdict == (enum partition_verdict)s);
}

/* The fleet's permission to drain. */
static void
render_lease(const struct supervisor *sup, struct textbuf *out)
{
	static const char *const names[] = { "none", "waiting", "held",
		"paused", "forced" };
	const char *name = drain_lease_name(sup);
	size_t i;

	describe(out, "fleet_drain_lease", "gauge",
	    "1 for what the fleet says of this node's drain.");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		textbuf_printf(out,
		    "holdfast_fleet_drain_lease{state=\"%s\"} %d\n", names[i],
		    strcmp(names[i], name) == 0);
	gauge(out, "fleet_drain_reserved",
	    "Connections that this node's drain has reserved.",
	    strcmp(name, "held") == 0 ? node_connections(&sup->node) : 0);
	gauge(out, "fleet_drain_reserved_by_others",
	    "Those of other nodes, when this one last asked for its drain.",
	    (double)sup->fleet->drain.reserved);
	gauge(out, "fleet_upgrade_lease",
	    "1 while this node has the fleet's permission to upgrade.",
	    sup->fleet->upgrade.is_granted);
}

/* What the leader says of verdicts, as one state of these. */
static void
render_hold(const struct fleet *fleet, struct textbuf *out)
{
	int h;

	describe(out, "fleet_failover", "gauge",
	    "1 for what the leader says of declaring nodes dead.");
	for (h = 0; h < FAILOVER_HOLD_MAX; h++) {
		const char *name = failover_hold_name((enum failover_hold)h);

		textbuf_printf(out, "holdfast_fleet_failover{hold=\"%s\"} %d\n",
		    name, strcmp(fleet->summary.hold, name) == 0);
	}
	gauge(out, "fleet_missing", "Nodes whose lease is over.",
	    (double)fleet->summary.expired);
}

static void
render_handshakes(const struct supervisor *sup, struct textbuf *out)
{
	struct fleet_handshakes sum = fleet_storm_sum(&sup->fleet->members);

	describe(out, "fleet_handshakes", "gauge",
	    "Handshakes a second of all nodes: configured, now, and each "
	    "node's best together.");
	textbuf_printf(out,
	    "holdfast_fleet_handshakes{what=\"configured\"} %.15g\n"
	    "holdfast_fleet_handshakes{what=\"now\"} %.15g\n"
	    "holdfast_fleet_handshakes{what=\"best\"} %.15g\n",
	    sum.budget, sum.now, sum.best);
	gauge(out, "fleet_handshake_limit",
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

static double
fleet_effective(const struct fleet *fleet)
{
	uint64_t limit = 0, count = 0;
	size_t i;

	for (i = 0; i < fleet->members.count; i++) {
		const struct fleet_member *member = &fleet->members.all[i];

		if (!member_state_counts(member->state))
			continue;
		limit = member->limit > limit ? member->limit : limit;
		count = member->count > count ? member->count : count;
	}
	return blast_radius_effective(&limit, &count, 1, fleet->summary.held);
}

static void
render_hearing(const struct supervisor *sup, struct textbuf *out)
{
	const struct slot_redis *redis = fleet_deaf_state(sup);
	int i;

	describe(out, "redis_deaf", "gauge",
	    "1 for a path through Redis by which no canary comes.");
	for (i = 0; i < SLOT_PATH_MAX; i++)
		textbuf_printf(out, "holdfast_redis_deaf{path=\"%s\"} %d\n",
		    slot_path_name((uint32_t)i),
		    redis != NULL &&
			atomic_load(&redis->paths[i].hearing) == SLOT_DEAF);
}

static void
render_fleet(const struct supervisor *sup, struct textbuf *out)
{
	const struct fleet *fleet = sup->fleet;
	uint64_t now = clock_mono_ms();

	if (fleet == NULL)
		return;
	gauge(out, "fleet_joined", "1 while Redis knows our lease.",
	    fleet->place == FLEET_JOINED);
	gauge(out, "fleet_leader", "1 while this node leads the fleet.",
	    leader_leads(&fleet->leader, now));
	gauge(out, "fleet_epoch", "Terms of leaders so far.",
	    (double)fleet->summary.epoch);
	gauge(out, "fleet_redis_age_seconds",
	    "Since Redis last answered the supervisor; -1: never.",
	    fleet->heard_ms == 0 ? -1.0 :
				   (double)(now - fleet->heard_ms) / 1000.0);
	gauge(out, "fleet_connections_held",
	    "Connections that the limits are made for.",
	    (double)fleet->summary.held);
	gauge(out, "fleet_limit_level", "The level that limits are filled to.",
	    (double)fleet->summary.level);
	gauge(out, "fleet_failover_held",
	    "1 while the leader may not declare a node dead.",
	    fleet->summary.is_known &&
		strcmp(fleet->summary.hold, failover_hold_name(FAILOVER_GO)) !=
		    0);
	describe(out, "fleet_deaths_total", "counter",
	    "Nodes that this one has declared dead.");
	textbuf_printf(out, "holdfast_fleet_deaths_total %llu\n",
	    (unsigned long long)fleet->lead.deaths);
	describe(out, "fleet_routes_purged_total", "counter",
	    "Routes to dead nodes that this one has deleted.");
	textbuf_printf(out, "holdfast_fleet_routes_purged_total %llu\n",
	    (unsigned long long)fleet->lead.routes_purged);
	gauge(out, "fleet_blast_radius",
	    "Share of the fleet's connections that the loss of a node costs.",
	    fleet_effective(fleet));
	gauge(out, "fleet_storm_left_seconds",
	    "Over which clients of a lost node still come back.",
	    (double)fleet_storm_left_ms(sup) / 1000.0);
	gauge(out, "fleet_picture_age_seconds",
	    "Since the leader published what this node knows; -1: never.",
	    picture_age(fleet, now));
	render_hold(fleet, out);
	render_handshakes(sup, out);
	render_hearing(sup, out);
	render_lease(sup, out);
	render_members(fleet, out);
}

void
metrics_render(const struct supervisor *sup, struct textbuf *out)
{
	render_node(sup, out);
	render_fleet(sup, out);
	render_connections(sup, out);
	render_slots(sup, out);
	render_memory(sup, out);
	render_counters(sup, out);
	render_histograms(sup, out);
}
