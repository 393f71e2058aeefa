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
#include "supervisor/drain_progress.h"
#include "supervisor/metrics_fleet.h"
#include "supervisor/metrics_text.h"
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
			metrics_describe(out, name, "counter", info->help);
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

		metrics_describe(out, name, "histogram",
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

	metrics_describe(out, "connections", "gauge",
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

	metrics_describe(out, "arena_bytes", "gauge",
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
	metrics_describe(out, "ring_bytes", "gauge",
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

	metrics_describe(out, "slot_state", "gauge",
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
	metrics_describe(out, "slot_renewals_total", "counter",
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
	metrics_gauge(out, "draining", "1 while new connections are refused.",
	    atomic_load(&sup->node.shared->draining) != 0);
	metrics_gauge(out, "drain_connections", "That the drain began with.",
	    at.total);
	metrics_gauge(out, "drain_connections_left",
	    "That it has not closed yet.", at.left);
	metrics_gauge(out, "drain_eta_seconds", "Until the last close.",
	    (double)at.eta_ms / 1000.0);
	metrics_gauge(out, "drain_cut_off", "That were left at its deadline.",
	    at.cut_off);
}

static void
render_node(const struct supervisor *sup, struct textbuf *out)
{
	int result;

	metrics_describe(out, "build_info", "gauge", "Version of holdfastd.");
	textbuf_printf(out, "holdfast_build_info{version=\"%s\"} 1\n",
	    HOLDFAST_VERSION);
	metrics_gauge(out, "ready",
	    "1 when all slots serve, nothing drains, and the node is neither "
	    "cut off from Redis nor deaf.",
	    supervisor_is_ready(sup));
	render_drain(sup, out);
	metrics_gauge(out, "uptime_seconds", "Since the supervisor started.",
	    (double)(clock_mono_ms() - sup->started_ms) / 1000.0);
	metrics_gauge(out, "slots", "Slots of this node.", sup->slot_count);
	metrics_gauge(out, "workers_wanted",
	    "Gateway slots that there are to be.", sup->resizer.wanted);
	metrics_gauge(out, "workers_leaving",
	    "Gateway slots that are being emptied.",
	    sup->gateways - resizer_staying(sup));
	metrics_gauge(out, "slots_serving", "Slots that serve.",
	    supervisor_serving(sup));
	metrics_gauge(out, "capacity", "Connections that the node takes.",
	    atomic_load(&sup->node.shared->capacity));
	metrics_gauge(out, "capacity_configured", "node.capacity.",
	    sup->conf.settings.node.capacity);
	metrics_describe(out, "log_lines_dropped_total", "counter",
	    "Lines that the log target of the supervisor did not take.");
	textbuf_printf(out, "holdfast_log_lines_dropped_total %llu\n",
	    (unsigned long long)log_dropped());
	metrics_describe(out, "upgrades_total", "counter",
	    "Live upgrades by their result.");
	for (result = 0; result < UPGRADE_RESULT_MAX; result++)
		textbuf_printf(out,
		    "holdfast_upgrades_total{result=\"%s\"} %llu\n",
		    upgrade_result_name((enum upgrade_result)result),
		    (unsigned long long)sup->upgrade.results[result]);
	metrics_describe(out, "control_refused_total", "counter",
	    "Connections to the control socket that were refused.");
	textbuf_printf(out, "holdfast_control_refused_total %llu\n",
	    (unsigned long long)sup->control.refused);
}

void
metrics_render(const struct supervisor *sup, struct textbuf *out)
{
	render_node(sup, out);
	metrics_fleet_render(sup, out);
	render_connections(sup, out);
	render_slots(sup, out);
	render_memory(sup, out);
	render_counters(sup, out);
	render_histograms(sup, out);
}
