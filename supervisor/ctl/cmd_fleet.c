/* SPDX-License-Identifier: ISC */
/*
 * nodes, fleet, pause, resume, ack, forget: the fleet as its leader sees it.
 */
#include <stdio.h>
#include <string.h>

#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_fleet.h"
#include "supervisor/ctl/ctl_text.h"

#define LINE_MAX_BYTES 4096u

/* "name          text", unless there is no text. */
static void
put_row(const char *name, struct textbuf *text)
{
	if (text->len > 0)
		ctl_put_line("%-13s %s", name, textbuf_text(text));
	textbuf_clear(text);
}

static void
put_words(const json_t *fleet, const char *name,
    void (*say)(const json_t *, struct textbuf *))
{
	struct textbuf text;

	textbuf_init(&text, LINE_MAX_BYTES);
	say(fleet, &text);
	put_row(name, &text);
}

static int
show_nodes(const json_t *nodes)
{
	struct ctl_table table;
	size_t i;

	ctl_table_init(&table);
	ctl_table_column(&table, "NODE", CTL_LEFT);
	ctl_table_column(&table, "STATE", CTL_LEFT);
	ctl_table_column(&table, "CONNECTIONS", CTL_RIGHT);
	ctl_table_column(&table, "SHARE", CTL_RIGHT);
	ctl_table_column(&table, "LIMIT", CTL_RIGHT);
	ctl_table_column(&table, "CAPACITY", CTL_RIGHT);
	ctl_table_column(&table, "HANDSHAKES/S", CTL_RIGHT);
	ctl_table_column(&table, "PEER", CTL_LEFT);
	ctl_table_column(&table, "REGION", CTL_LEFT);
	for (i = 0; i < json_array_size(nodes); i++) {
		const json_t *node = json_array_get(nodes, i);
		char rate[CTL_NUMBER_SIZE];

		ctl_text_rate(ctl_real(node, "rate"), rate);
		ctl_table_cell(&table, ctl_text(node, "id"));
		ctl_table_cell(&table, ctl_text(node, "state"));
		ctl_table_cellf(&table, "%lld",
		    (long long)ctl_int(node, "count"));
		ctl_table_cellf(&table, "%.3g %%",
		    100 * ctl_real(node, "share"));
		ctl_table_cellf(&table, "%lld",
		    (long long)ctl_int(node, "limit"));
		ctl_table_cellf(&table, "%lld",
		    (long long)ctl_int(node, "capacity"));
		ctl_table_cell(&table, rate);
		ctl_table_cell(&table, ctl_text(node, "peer"));
		ctl_table_cell(&table, ctl_text(node, "region"));
	}
	return ctl_put_table(&table);
}

int
cmd_nodes(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "nodes", &result);

	if (code != CTL_DONE || result == NULL)
		return code;
	code = show_nodes(json_object_get(result, "nodes"));
	put_words(result, "picture", ctl_fleet_age);
	json_decref(result);
	return code;
}

/* What the nodes say they may do, and what they have been seen doing: both
 * against what it takes for the whole of a large fleet to come back. */
static void
put_handshakes(const json_t *fleet)
{
	double target = ctl_real(fleet, "handshakes_target");
	double can = ctl_real(fleet, "handshakes");
	double best = ctl_real(fleet, "handshakes_best");
	long long unlimited = (long long)ctl_int(fleet, "handshakes_unlimited");
	char guess[96] = "";

	if (unlimited > 0)
		snprintf(guess, sizeof(guess),
		    " (%lld without a limit count %.0f/s each)", unlimited,
		    ctl_real(fleet, "handshakes_assumed"));
	ctl_put_line("handshakes    configured %.0f/s%s, %s for %.0f/s", can,
	    guess, can >= target ? "enough" : "too few", target);
	ctl_put_line("              measured at most %.0f/s, now %.0f/s: "
		     "%.0f/s %s",
	    best, ctl_real(fleet, "handshakes_now"), target,
	    best >= target ? "were reached" : "were never reached");
}

static int
show_shares(const json_t *members)
{
	struct ctl_table table;
	size_t i;

	ctl_table_init(&table);
	ctl_table_column(&table, "NODE", CTL_LEFT);
	ctl_table_column(&table, "STATE", CTL_LEFT);
	ctl_table_column(&table, "SHARE", CTL_RIGHT);
	ctl_table_column(&table, "AT MOST", CTL_RIGHT);
	for (i = 0; i < json_array_size(members); i++) {
		const json_t *node = json_array_get(members, i);

		ctl_table_cell(&table, ctl_text(node, "id"));
		ctl_table_cell(&table, ctl_text(node, "state"));
		ctl_table_cellf(&table, "%.3g %%",
		    100 * ctl_real(node, "share"));
		ctl_table_cellf(&table, "%.3g %%",
		    100 * ctl_real(node, "share_limit"));
	}
	ctl_put_line("%s", "");
	return ctl_put_table(&table);
}

static void
put_name(const json_t *fleet, struct textbuf *out)
{
	textbuf_printf(out, "%s, %s, epoch %lld", ctl_text(fleet, "fleet"),
	    ctl_text(fleet, "place"), (long long)ctl_int(fleet, "epoch"));
	ctl_fleet_leader(fleet, out);
}

static void
put_blast_radius(const json_t *fleet, struct textbuf *out)
{
	long long needed = (long long)ctl_int(fleet, "held_needed");
	long long missing = (long long)ctl_int(fleet, "nodes_missing");
	const char *and = ", for which it takes";

	textbuf_printf(out, "%.3g %% effective, %.3g %% configured",
	    100 * ctl_real(fleet, "effective"),
	    100 * ctl_real(fleet, "fraction"));
	if (missing > 0) {
		textbuf_printf(out, "%s %lld more nodes", and, missing);
		and = " and";
	}
	if ((long long)ctl_int(fleet, "held") < needed)
		textbuf_printf(out,
		    "%s %lld connections (any node may hold %lld)", and, needed,
		    (long long)ctl_int(fleet, "floor"));
	textbuf_printf(out, "; largest share now %.3g %%",
	    100 * ctl_real(fleet, "largest_share"));
}

static int
show_fleet(const json_t *fleet)
{
	put_words(fleet, "fleet", put_name);
	ctl_put_line("redis         %s, partition verdict %s",
	    ctl_text(fleet, "redis"), ctl_text(fleet, "partition"));
	put_words(fleet, "picture", ctl_fleet_age);
	ctl_put_line(
	    "nodes         %lld, %lld connections, at most %lld lately",
	    (long long)ctl_int(fleet, "nodes"),
	    (long long)ctl_int(fleet, "connections"),
	    (long long)ctl_int(fleet, "held"));
	ctl_put_line("limit here    %lld connections, level of the fleet %lld",
	    (long long)ctl_int(fleet, "limit"),
	    (long long)ctl_int(fleet, "level"));
	put_words(fleet, "blast radius", put_blast_radius);
	put_handshakes(fleet);
	put_words(fleet, "failover", ctl_fleet_failover);
	return show_shares(json_object_get(fleet, "members"));
}

int
cmd_fleet(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "fleet", &result);

	if (code != CTL_DONE || result == NULL)
		return code;
	code = show_fleet(result);
	json_decref(result);
	return code;
}

/* Redis has it; the leader has not said that it knows. */
static const char *
unless_confirmed(const json_t *result)
{
	return json_is_true(json_object_get(result, "confirmed")) ?
	    "" :
	    ", once there is a leader that reads it";
}

int
cmd_pause(struct ctl *ctl)
{
	json_t *request = json_pack("{s:s}", "command", "pause");
	json_t *result;
	int code;

	if (ctl->arg_count > 0)
		json_object_set_new(request, "reason",
		    json_string(ctl->args[0]));
	code = ctl_ask(ctl, request, NULL, NULL, &result);
	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(result);
	else
		ctl_put_line("no node is declared dead until resume%s",
		    unless_confirmed(result));
	json_decref(result);
	return code;
}

int
cmd_resume(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "resume", &result);
	const char *paused;

	if (code != CTL_DONE || result == NULL)
		return code;
	paused = ctl_text(result, "paused");
	ctl_put_line("nodes may be declared dead again%s; %s%s",
	    unless_confirmed(result),
	    paused[0] == '\0' ? "nothing was paused" : "it was paused by ",
	    paused);
	json_decref(result);
	return code;
}

int
cmd_ack(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "ack", &result);
	struct textbuf text;

	if (code != CTL_DONE || result == NULL)
		return code;
	textbuf_init(&text, LINE_MAX_BYTES);
	ctl_fleet_ack(result, &text);
	ctl_put_line("%s", textbuf_text(&text));
	textbuf_clear(&text);
	json_decref(result);
	return code;
}

int
cmd_forget(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask(ctl,
	    json_pack("{s:s, s:s}", "command", "forget", "node", ctl->args[0]),
	    NULL, NULL, &result);

	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(result);
	else
		ctl_put_line("%s is forgotten when its routes are purged",
		    ctl->args[0]);
	json_decref(result);
	return code;
}
