/* SPDX-License-Identifier: ISC */
/*
 * nodes, fleet, pause, resume, ack: the fleet as its leader sees it.
 */
#include <stdio.h>
#include <string.h>

#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_text.h"

static int
show_nodes(const json_t *nodes)
{
	struct ctl_table table;
	size_t i;

	ctl_table_init(&table);
	ctl_table_column(&table, "NODE", CTL_LEFT);
	ctl_table_column(&table, "STATE", CTL_LEFT);
	ctl_table_column(&table, "CONNECTIONS", CTL_RIGHT);
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
	json_decref(result);
	return code;
}

static void
put_handshakes(const json_t *fleet)
{
	double can = ctl_real(fleet, "handshakes");
	long long target = (long long)ctl_int(fleet, "handshakes_target");

	ctl_put_line("handshakes    %.0f/s that all nodes may do, %.0f/s are "
		     "done, %.0f/s have been; target %lld/s, %s",
	    can, ctl_real(fleet, "handshakes_now"),
	    ctl_real(fleet, "handshakes_best"), target,
	    can >= (double)target ? "enough" : "too few");
}

static void
show_fleet(const json_t *fleet)
{
	char left[CTL_NUMBER_SIZE];

	ctl_text_duration((uint64_t)ctl_int(fleet, "storm_left_ms"), left);
	ctl_put_line("fleet         %s, %s, epoch %lld%s",
	    ctl_text(fleet, "fleet"), ctl_text(fleet, "place"),
	    (long long)ctl_int(fleet, "epoch"),
	    json_is_true(json_object_get(fleet, "leads")) ?
		", led by this node" :
		"");
	ctl_put_line("redis         %s, partition verdict %s",
	    ctl_text(fleet, "redis"), ctl_text(fleet, "partition"));
	ctl_put_line(
	    "nodes         %lld, %lld connections, at most %lld lately",
	    (long long)ctl_int(fleet, "nodes"),
	    (long long)ctl_int(fleet, "connections"),
	    (long long)ctl_int(fleet, "held"));
	ctl_put_line("limit here    %lld connections, level of the fleet %lld",
	    (long long)ctl_int(fleet, "limit"),
	    (long long)ctl_int(fleet, "level"));
	ctl_put_line("blast radius  %.3g %% effective, %.3g %% configured, for "
		     "which it takes %lld nodes; largest share now %.3g %%",
	    100 * ctl_real(fleet, "effective"),
	    100 * ctl_real(fleet, "fraction"),
	    (long long)ctl_int(fleet, "nodes_needed"),
	    100 * ctl_real(fleet, "largest_share"));
	put_handshakes(fleet);
	ctl_put_line("failover      %s%s%s", ctl_text(fleet, "hold"),
	    ctl_int(fleet, "storm_left_ms") > 0 ? ", storm ends in " : "",
	    ctl_int(fleet, "storm_left_ms") > 0 ? left : "");
}

int
cmd_fleet(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "fleet", &result);

	if (code != CTL_DONE || result == NULL)
		return code;
	show_fleet(result);
	json_decref(result);
	return code;
}

static int
simply(struct ctl *ctl, const char *command, const char *said)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, command, &result);

	if (code != CTL_DONE || result == NULL)
		return code;
	ctl_put_line("%s", said);
	json_decref(result);
	return code;
}

int
cmd_pause(struct ctl *ctl)
{
	return simply(ctl, "pause", "no node is declared dead until resume");
}

int
cmd_resume(struct ctl *ctl)
{
	return simply(ctl, "resume", "nodes may be declared dead again");
}

int
cmd_ack(struct ctl *ctl)
{
	return simply(ctl, "ack", "acknowledged");
}
