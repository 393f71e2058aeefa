/* SPDX-License-Identifier: ISC */
/*
 * status and workers for people (see ctl_view.h).
 */
#include "supervisor/ctl/ctl_view.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/node_drain.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/ctl_fleet.h"
#include "supervisor/ctl/ctl_text.h"

#define WORDS_MAX 4096u

static uint64_t
whole(const json_t *object, const char *key)
{
	json_int_t value = ctl_int(object, key);

	return value < 0 ? 0 : (uint64_t)value;
}

static void
add_state(const json_t *status, struct ctl_table *table)
{
	char uptime[CTL_NUMBER_SIZE];

	ctl_text_duration(whole(status, "uptime_s") * 1000, uptime);
	ctl_table_cell(table, "state");
	ctl_table_cellf(table, "%s, up %s, pid %lld, holdfast %s",
	    ctl_text(status, "state"), uptime,
	    (long long)ctl_int(status, "pid"), ctl_text(status, "version"));
}

static void
add_connections(const json_t *status, struct ctl_table *table)
{
	unsigned long long all = whole(status, "connections");
	unsigned long long open = whole(status, "open");
	unsigned long long capacity = whole(status, "capacity");
	unsigned long long possible = whole(status, "capacity_possible");
	unsigned long long wanted = whole(status, "capacity_configured");
	char lowered[128] = "";

	if (capacity < possible)
		snprintf(lowered, sizeof(lowered),
		    ", its limit in the fleet (%llu configured)", wanted);
	else if (capacity < wanted)
		snprintf(lowered, sizeof(lowered),
		    " (%llu configured; open files or tables are limited)",
		    wanted);
	ctl_table_cell(table, "connections");
	ctl_table_cellf(table, "%llu open, %llu opening or closing, of %llu%s",
	    open, all > open ? all - open : 0, capacity, lowered);
}

/* Not there while nothing is drained. */
static void
add_drain(const json_t *status, struct ctl_table *table)
{
	const json_t *drain = json_object_get(status, "drain");
	long long done = (long long)ctl_int(drain, "done");
	long long total = (long long)ctl_int(drain, "total");
	enum drain_lease lease = drain_lease_parse(ctl_text(drain, "lease"));
	const char *stands = lease == DRAIN_LEASE_WAITING ? ", waits" :
	    lease == DRAIN_LEASE_PAUSED			  ? ", pauses" :
							    "";
	char bar[CTL_BAR_SIZE], rate[CTL_NUMBER_SIZE], eta[CTL_NUMBER_SIZE];

	if (drain == NULL)
		return;
	ctl_text_bar(done, total, bar);
	ctl_text_rate(ctl_real(drain, "rate_per_second"), rate);
	ctl_text_duration(whole(drain, "eta_ms"), eta);
	ctl_table_cell(table, "drain");
	if (json_is_true(json_object_get(drain, "empty")))
		ctl_table_cellf(table, "%s, all %lld have gone", bar, total);
	else
		ctl_table_cellf(table,
		    "%s %lld left of %lld, %s/s, %s to go, %s%s%s%s", bar,
		    total - done, total, rate, eta, ctl_text(drain, "profile"),
		    stands, stands[0] == '\0' ? "" : " for the fleet",
		    json_is_true(json_object_get(drain, "stops")) ?
			", then it stops" :
			"");
}

static void
add_workers(const json_t *status, struct ctl_table *table)
{
	unsigned long long have = whole(status, "workers");
	unsigned long long wanted = whole(status, "workers_wanted");
	char change[72] = "";

	if (have != wanted)
		snprintf(change, sizeof(change), ", %llu gateways become %llu",
		    have, wanted);
	ctl_table_cell(table, "workers");
	ctl_table_cellf(table, "%lld of %lld serve, %lld restarts%s",
	    (long long)ctl_int(status, "serving"),
	    (long long)ctl_int(status, "slots"),
	    (long long)ctl_int(status, "restarts"), change);
}

static void
add_rates(const json_t *status, struct ctl_table *table)
{
	char a[CTL_NUMBER_SIZE], b[CTL_NUMBER_SIZE];

	ctl_text_rate(ctl_real(status, "handshakes_per_second"), a);
	ctl_table_cell(table, "handshakes");
	ctl_table_cellf(table, "%s/s", a);
	ctl_text_rate(ctl_real(status, "messages_in_per_second"), a);
	ctl_text_rate(ctl_real(status, "messages_out_per_second"), b);
	ctl_table_cell(table, "messages");
	ctl_table_cellf(table, "%s/s in, %s/s out", a, b);
	ctl_text_bytes((uint64_t)ctl_real(status, "bytes_in_per_second"), a);
	ctl_text_bytes((uint64_t)ctl_real(status, "bytes_out_per_second"), b);
	ctl_table_cell(table, "bytes");
	ctl_table_cellf(table, "%s/s in, %s/s out", a, b);
}

static void
add_listeners(const json_t *status, struct ctl_table *table)
{
	const json_t *list = json_object_get(status, "listeners");
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *address = ctl_text(one, "address");

		ctl_table_cell(table, i == 0 ? "listens" : "");
		ctl_table_cellf(table,
		    strchr(address, ':') == NULL ? "%s:%lld for %s" :
						   "[%s]:%lld for %s",
		    address, (long long)ctl_int(one, "port"),
		    ctl_text(one, "for"));
	}
}

/* Not there without one. */
static void
add_fleet(const json_t *status, struct ctl_table *table)
{
	const json_t *fleet = json_object_get(status, "fleet");
	struct textbuf words;

	if (fleet == NULL)
		return;
	textbuf_init(&words, WORDS_MAX);
	ctl_fleet_leader(fleet, &words);
	ctl_table_cell(table, "fleet");
	ctl_table_cellf(table,
	    "%s, %s%s, %lld nodes, %lld connections, partition %s",
	    ctl_text(fleet, "fleet"), ctl_text(fleet, "place"),
	    textbuf_text(&words), (long long)ctl_int(fleet, "nodes"),
	    (long long)ctl_int(fleet, "connections"),
	    ctl_text(fleet, "partition"));
	ctl_table_cell(table, "blast radius");
	ctl_table_cellf(table, "%.3g %% effective, %.3g %% configured",
	    100 * ctl_real(fleet, "effective"),
	    100 * ctl_real(fleet, "fraction"));
	ctl_table_cell(table, "failover");
	textbuf_clear(&words);
	ctl_fleet_failover(fleet, &words);
	ctl_table_cell(table, textbuf_text(&words));
	textbuf_clear(&words);
}

/* The relay's links, and whether Redis knows who is connected here.  Not there
 * without a fleet. */
static void
add_redis(const json_t *status, struct ctl_table *table)
{
	const json_t *redis = json_object_get(status, "redis");
	const char *routes = ctl_text(redis, "routes");
	long long done = (long long)ctl_int(redis, "routes_done");
	long long total = (long long)ctl_int(redis, "routes_total");
	char progress[96];

	if (!json_is_object(redis))
		return;
	/* Clients come and go meanwhile. */
	if (strcmp(routes, "writing") == 0)
		snprintf(progress, sizeof(progress),
		    "%lld of %lld routes written", done,
		    total > done ? total : done);
	else if (strcmp(routes, "purging") == 0)
		snprintf(progress, sizeof(progress),
		    "%lld registrations looked at", done);
	else
		snprintf(progress, sizeof(progress), "routes %s", routes);
	ctl_table_cell(table, "redis");
	ctl_table_cellf(table, "%s, %s, %s%s",
	    json_is_true(json_object_get(redis, "connected")) ? "connected" :
								"not connected",
	    json_is_true(json_object_get(redis, "subscribed")) ?
		"subscribed" :
		"not subscribed",
	    progress,
	    json_is_true(json_object_get(redis, "deaf")) ?
		", but nothing comes by it" :
		"");
}

static int
render(struct ctl_table *table, struct textbuf *out)
{
	int rc = ctl_table_render(table, out);

	ctl_table_clear(table);
	return rc;
}

int
ctl_view_status(const json_t *status, struct textbuf *out)
{
	const char *region = ctl_text(status, "region");
	struct ctl_table table;

	ctl_table_init(&table);
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_cell(&table, "node");
	ctl_table_cellf(&table, "%s%s%s%s", ctl_text(status, "node"),
	    region[0] == '\0' ? "" : " (", region,
	    region[0] == '\0' ? "" : ")");
	add_state(status, &table);
	add_connections(status, &table);
	add_drain(status, &table);
	add_redis(status, &table);
	add_fleet(status, &table);
	add_workers(status, &table);
	add_rates(status, &table);
	add_listeners(status, &table);
	return render(&table, out);
}

/* "3: 2 killed, 1 fault" */
static void
add_restarts(const json_t *worker, struct ctl_table *table)
{
	static const char *const causes[] = { "exit", "killed", "fault",
		"stall", "recycle" };
	const json_t *restarts = json_object_get(worker, "restarts");
	char text[160] = "";
	size_t i, len = 0;
	long long sum = 0;

	for (i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		long long n = (long long)ctl_int(restarts, causes[i]);
		int more;

		sum += n;
		if (n == 0 || len >= sizeof(text))
			continue;
		more = snprintf(text + len, sizeof(text) - len, "%s%lld %s",
		    len == 0 ? ": " : ", ", n, causes[i]);
		len += more > 0 ? (size_t)more : 0;
	}
	ctl_table_cellf(table, "%lld%s", sum, text);
}

static void
add_memory(const json_t *worker, struct ctl_table *table)
{
	char text[CTL_NUMBER_SIZE], limit[CTL_NUMBER_SIZE];

	ctl_text_bytes(whole(worker, "rss_private_bytes"), text);
	ctl_table_cell(table, text);
	if (whole(worker, "arena_limit") == 0) {
		ctl_table_cell(table, NULL);
		return;
	}
	ctl_text_bytes(whole(worker, "arena_used"), text);
	ctl_text_bytes(whole(worker, "arena_limit"), limit);
	ctl_table_cellf(table, "%s of %s", text, limit);
}

static void
add_worker(const json_t *worker, struct ctl_table *table)
{
	const json_t *recovery = json_object_get(worker, "recovery_us_last");
	char text[CTL_NUMBER_SIZE];

	ctl_table_cell(table, ctl_text(worker, "label"));
	ctl_table_cell(table, ctl_text(worker, "kind"));
	ctl_table_cell(table, ctl_text(worker, "state"));
	ctl_table_cellf(table, "%lld", (long long)ctl_int(worker, "open"));
	ctl_table_cellf(table, "%lld",
	    (long long)ctl_int(worker, "keeper_pid"));
	ctl_table_cellf(table, "%lld",
	    (long long)ctl_int(worker, "tenant_pid"));
	ctl_text_duration(whole(worker, "heartbeat_age_ms"), text);
	ctl_table_cell(table, text);
	add_memory(worker, table);
	ctl_table_cellf(table, "%.1fs", ctl_real(worker, "cpu_s"));
	if (json_is_integer(recovery))
		ctl_text_us(whole(worker, "recovery_us_last"), text);
	ctl_table_cell(table, json_is_integer(recovery) ? text : NULL);
	add_restarts(worker, table);
}

int
ctl_view_workers(const json_t *result, struct textbuf *out)
{
	static const struct {
		const char *title;
		enum ctl_align align;
	} columns[] = {
		{ "SLOT", CTL_LEFT },
		{ "KIND", CTL_LEFT },
		{ "STATE", CTL_LEFT },
		{ "OPEN", CTL_RIGHT },
		{ "KEEPER", CTL_RIGHT },
		{ "TENANT", CTL_RIGHT },
		{ "BEAT", CTL_RIGHT },
		{ "PRIVATE", CTL_RIGHT },
		{ "ARENA", CTL_RIGHT },
		{ "CPU", CTL_RIGHT },
		{ "RECOVERY", CTL_RIGHT },
		{ "RESTARTS", CTL_LEFT },
	};
	const json_t *workers = json_object_get(result, "workers");
	struct ctl_table table;
	size_t i;

	ctl_table_init(&table);
	for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		ctl_table_column(&table, columns[i].title, columns[i].align);
	for (i = 0; i < json_array_size(workers); i++)
		add_worker(json_array_get(workers, i), &table);
	return render(&table, out);
}
