/* SPDX-License-Identifier: ISC */
/*
 * The result of a load run, see common_report.h.  The same rows make the JSON
 * object and the text, so that neither knows more than the other.
 */
#include "tests/bench/common_report.h"

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct totals {
	struct load_stats stats;
	uint64_t live;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t out_of_order;
	uint64_t corrupt;
	uint64_t unanswered; /* in flight on a live connection at the end */
	uint64_t abandoned;
	uint64_t silence_ns;
	uint64_t push_lost; /* gaps: the last are not known to be missing */
	uint64_t push_duplicated;
	uint64_t push_out_of_order;
};

static const char *
state_name(uint8_t state)
{
	static const char *const names[] = { [CONN_IDLE] = "idle",
		[CONN_CONNECTING] = "connecting",
		[CONN_UPGRADING] = "upgrading",
		[CONN_OPEN] = "open",
		[CONN_CLOSING] = "closed",
		[CONN_BACKING_OFF] = "backing_off",
		[CONN_CLOSED] = "closed",
		[CONN_SEVERED] = "severed",
		[CONN_REFUSED] = "refused" };

	return names[state];
}

static void
stats_add(struct load_stats *sum, const struct load_stats *from)
{
	size_t i;

	sum->opened += from->opened;
	sum->closed += from->closed;
	sum->severed += from->severed;
	sum->refused += from->refused;
	sum->connect_errors += from->connect_errors;
	sum->bad_accepts += from->bad_accepts;
	sum->protocol_errors += from->protocol_errors;
	sum->reconnects += from->reconnects;
	sum->pings += from->pings;
	sum->pushed += from->pushed;
	sum->sent += from->sent;
	sum->received += from->received;
	sum->late_probes += from->late_probes;
	sum->opened_at_go += from->opened_at_go;
	sum->received_at_go += from->received_at_go;
	sum->opened_at_end += from->opened_at_end;
	sum->received_at_end += from->received_at_end;
	if (from->all_open_ns > sum->all_open_ns)
		sum->all_open_ns = from->all_open_ns;
	if (from->end_ns > sum->end_ns)
		sum->end_ns = from->end_ns;
	for (i = 0; i < CLIENT_MAX_STATUS; i++)
		sum->statuses[i] += from->statuses[i];
	for (i = 0; i < CLIENT_MAX_CODE; i++)
		sum->codes[i] += from->codes[i];
	if (from->push_first_ns != 0 &&
	    (sum->push_first_ns == 0 ||
		from->push_first_ns < sum->push_first_ns))
		sum->push_first_ns = from->push_first_ns;
	if (from->push_last_ns > sum->push_last_ns)
		sum->push_last_ns = from->push_last_ns;
	hist_merge(&sum->push, &from->push);
	hist_merge(&sum->latency, &from->latency);
	hist_merge(&sum->handshake, &from->handshake);
	hist_merge(&sum->displaced, &from->displaced);
}

static void
totals_make(const struct load_opts *opts, const struct load_stats *stats,
    const struct conn *conns, struct totals *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < opts->procs; i++)
		stats_add(&out->stats, &stats[i]);
	for (i = 0; i < opts->connections; i++) {
		out->live += conns[i].state == CONN_OPEN;
		out->unanswered += conns[i].in_flight;
		out->lost += conns[i].seq.lost + conns[i].in_flight;
		out->duplicated += conns[i].seq.duplicated;
		out->out_of_order += conns[i].seq.out_of_order;
		out->corrupt += conns[i].corrupt;
		out->push_lost += conns[i].pushes.lost;
		out->push_duplicated += conns[i].pushes.duplicated;
		out->push_out_of_order += conns[i].pushes.out_of_order;
		out->abandoned += conns[i].abandoned;
		if (conns[i].silence_ns > out->silence_ns)
			out->silence_ns = conns[i].silence_ns;
	}
}

int
report_is_clean(const struct load_opts *opts, const struct load_stats *stats,
    const struct conn *conns)
{
	struct totals *totals = malloc(sizeof(*totals));
	int is_clean;

	if (totals == NULL)
		return 0;
	totals_make(opts, stats, conns, totals);
	is_clean = totals->lost == 0 && totals->duplicated == 0 &&
	    totals->out_of_order == 0 && totals->corrupt == 0 &&
	    totals->stats.bad_accepts == 0 &&
	    totals->stats.protocol_errors == 0 && totals->stats.severed == 0 &&
	    totals->stats.refused == 0 &&
	    (opts->mode == MODE_STORM || totals->live == opts->connections);
	free(totals);
	return is_clean;
}

static void
put_number(const struct load_opts *opts, const char *name, double value)
{
	if (opts->is_json)
		printf("\"%s\": %.10g, ", name, value);
	else
		printf("%-18s %.10g\n", name, value);
}

static void
put_hist(const struct load_opts *opts, const char *name,
    const struct hist *hist)
{
	double p50 = (double)hist_quantile(hist, 500) / 1000;
	double p99 = (double)hist_quantile(hist, 990) / 1000;
	double p999 = (double)hist_quantile(hist, 999) / 1000;

	if (opts->is_json)
		printf("\"%s\": {\"count\": %llu, \"p50\": %.1f, \"p99\": %.1f,"
		       " \"p999\": %.1f, \"max\": %.1f}, ",
		    name, (unsigned long long)hist->count, p50, p99, p999,
		    (double)hist->max_ns / 1000);
	else if (hist->count > 0)
		printf("%-18s p50 %.1f p99 %.1f p99.9 %.1f max %.1f (%llu)\n",
		    name, p50, p99, p999, (double)hist->max_ns / 1000,
		    (unsigned long long)hist->count);
}

static void
put_counts(const struct load_opts *opts, const char *name,
    const uint32_t *counts, size_t size)
{
	const char *separator = "";
	size_t i;

	if (opts->is_json)
		printf("\"%s\": {", name);
	for (i = 0; i < size; i++) {
		if (counts[i] == 0)
			continue;
		if (opts->is_json)
			printf("%s\"%zu\": %u", separator, i, counts[i]);
		else
			printf("%-18s %zu: %u\n", name, i, counts[i]);
		separator = ", ";
	}
	if (opts->is_json)
		printf("}, ");
}

static void
put_connections(const struct load_opts *opts, const struct conn *conns)
{
	const struct conn *conn;
	char id[WIRE_CLIENT_ID_LEN + 1] = "";
	uint32_t i;

	printf("\"per_connection\": [");
	for (i = 0; i < opts->connections; i++) {
		conn = &conns[i];
		if (opts->id_prefix != NULL)
			wire_client_id_format(opts->id_prefix,
			    conn->client_number, id);
		printf(
		    "%s\n{\"id\": \"%s\", \"state\": \"%s\", \"sent\": %u, "
		    "\"received\": %u, \"lost\": %u, \"duplicated\": %u, "
		    "\"out_of_order\": %u, \"corrupt\": %u, \"severed\": %u, "
		    "\"abandoned\": %u, \"code\": %u, \"silence_ms\": %.3f}",
		    i > 0 ? "," : "", id, state_name(conn->state),
		    conn->next_number, conn->received,
		    conn->seq.lost + conn->in_flight, conn->seq.duplicated,
		    conn->seq.out_of_order, conn->corrupt, conn->severed,
		    conn->abandoned, conn->code,
		    (double)conn->silence_ns / 1e6);
	}
	printf("], ");
}

static void
put_totals(const struct load_opts *opts, const struct totals *totals)
{
	const struct load_stats *sum = &totals->stats;

	put_number(opts, "connections", (double)opts->connections);
	put_number(opts, "opened", (double)sum->opened);
	put_number(opts, "live", (double)totals->live);
	put_number(opts, "severed", (double)sum->severed);
	put_number(opts, "closed", (double)sum->closed);
	put_number(opts, "refused", (double)sum->refused);
	put_number(opts, "connect_errors", (double)sum->connect_errors);
	put_number(opts, "bad_accepts", (double)sum->bad_accepts);
	put_number(opts, "protocol_errors", (double)sum->protocol_errors);
	put_number(opts, "reconnects", (double)sum->reconnects);
	put_number(opts, "sent", (double)sum->sent);
	put_number(opts, "received", (double)sum->received);
	put_number(opts, "lost", (double)totals->lost);
	put_number(opts, "duplicated", (double)totals->duplicated);
	put_number(opts, "out_of_order", (double)totals->out_of_order);
	put_number(opts, "corrupt", (double)totals->corrupt);
	put_number(opts, "unanswered", (double)totals->unanswered);
	put_number(opts, "abandoned", (double)totals->abandoned);
	put_number(opts, "late_probes", (double)sum->late_probes);
	put_number(opts, "pings", (double)sum->pings);
	put_number(opts, "pushed", (double)sum->pushed);
	put_number(opts, "push_lost", (double)totals->push_lost);
	put_number(opts, "push_duplicated", (double)totals->push_duplicated);
	put_number(opts, "push_out_of_order",
	    (double)totals->push_out_of_order);
	put_number(opts, "push_seconds",
	    (double)(sum->push_last_ns - sum->push_first_ns) / 1e9);
	put_number(opts, "silence_ms", (double)totals->silence_ns / 1e6);
	put_counts(opts, "close_codes", sum->codes, CLIENT_MAX_CODE);
	put_counts(opts, "statuses", sum->statuses, CLIENT_MAX_STATUS);
	put_hist(opts, "push_us", &sum->push);
	put_hist(opts, "latency_us", &sum->latency);
	put_hist(opts, "handshake_us", &sum->handshake);
	put_hist(opts, "displaced_us", &sum->displaced);
}

void
report_print(const struct load_opts *opts, const struct load_share *share,
    const struct load_stats *stats, const struct conn *conns)
{
	struct totals *totals = malloc(sizeof(*totals));
	const struct load_stats *sum;
	struct rusage usage;
	double open_s, run_s;
	uint64_t go_ns = atomic_load(&share->go_ns);

	if (totals == NULL)
		return;
	totals_make(opts, stats, conns, totals);
	sum = &totals->stats;
	open_s = sum->all_open_ns == 0 ?
	    0 :
	    (double)(sum->all_open_ns - share->start_ns) / 1e9;
	run_s = go_ns == 0 || sum->end_ns <= go_ns ?
	    0 :
	    (double)(sum->end_ns - go_ns) / 1e9;
	if (opts->is_json)
		printf("{\"mode\": \"%s\", ", load_mode_name(opts->mode));
	else
		printf("%-18s %s\n", "mode", load_mode_name(opts->mode));
	put_totals(opts, totals);
	put_number(opts, "open_seconds", open_s);
	put_number(opts, "open_per_second",
	    open_s > 0 ? (double)sum->opened_at_go / open_s : 0);
	put_number(opts, "run_seconds", run_s);
	put_number(opts, "handshakes_per_second",
	    run_s > 0 ?
		(double)(sum->opened_at_end - sum->opened_at_go) / run_s :
		0);
	put_number(opts, "messages_per_second",
	    run_s > 0 ?
		(double)(sum->received_at_end - sum->received_at_go) / run_s :
		0);
	if (opts->mode == MODE_SEQUENCE && opts->is_json && !opts->is_brief)
		put_connections(opts, conns);
	getrusage(RUSAGE_CHILDREN, &usage);
	if (opts->is_json)
		printf("\"client_cpu_seconds\": %.3f}\n",
		    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			(double)(usage.ru_utime.tv_usec +
			    usage.ru_stime.tv_usec) /
			    1e6);
	free(totals);
}
