/* SPDX-License-Identifier: ISC */
/*
 * clients, where, send, dispatch, kick and broadcast.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/random.h"
#include "supervisor/ctl/ctl_columns.h"
#include "supervisor/ctl/ctl_command.h"

#define ERROR_MAX 4096

static json_t *
clients_request(const struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	const char *filter = ctl->arg_count > 0 ? ctl->args[0] :
						  options->filter;
	json_t *request = json_pack("{s:s}", "command", "clients");

	if (filter != NULL)
		json_object_set_new(request, "filter", json_string(filter));
	if (options->given & CTL_OPT_LIMIT)
		json_object_set_new(request, "limit",
		    json_integer((json_int_t)options->limit));
	if (options->given & CTL_OPT_OFFSET)
		json_object_set_new(request, "offset",
		    json_integer((json_int_t)options->offset));
	if (options->given & CTL_OPT_SLOT)
		json_object_set_new(request, "slot",
		    json_integer((json_int_t)options->slot));
	return request;
}

static int
show_clients(const struct ctl_columns *columns, const json_t *result)
{
	const json_t *rows = json_object_get(result, "clients");
	long long total = (long long)ctl_int(result, "total");
	long long busy = (long long)ctl_int(result, "unreadable");
	size_t shown = json_array_size(rows);
	struct ctl_table table;
	int code;

	ctl_table_init(&table);
	ctl_columns_fill(columns, rows, &table);
	code = ctl_put_table(&table);
	fflush(stdout);
	if ((long long)shown < total)
		fprintf(stderr,
		    "%zu of %lld shown; --limit and --offset show others\n",
		    shown, total);
	if (busy > 0)
		fprintf(stderr, "%lld could not be read, so busy are they\n",
		    busy);
	return code;
}

int
cmd_clients(struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	struct ctl_columns columns;
	struct textbuf error;
	json_t *result;
	int code, rc;

	textbuf_init(&error, ERROR_MAX);
	rc = ctl_columns_parse(options->given & CTL_OPT_COLUMNS ?
		options->columns :
		CTL_COLUMNS_DEFAULT,
	    &columns, &error);
	if (rc != 0)
		code = ctl_fail(ctl, CTL_USAGE, "usage", "%s",
		    textbuf_text(&error));
	else
		code = ctl_ask(ctl, clients_request(ctl), NULL, NULL, &result);
	textbuf_clear(&error);
	if (code != CTL_DONE)
		return code;
	if (options->json)
		ctl_put_json(result);
	else
		code = show_clients(&columns, result);
	json_decref(result);
	return code;
}

static json_t *
client_request(const struct ctl *ctl, const char *command)
{
	return json_pack("{s:s, s:s}", "command", command, "client",
	    ctl->args[0]);
}

static int
show_where(const json_t *row)
{
	struct ctl_table table;
	const struct ctl_column *column;
	size_t i;

	ctl_table_init(&table);
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_cell(&table, "node");
	ctl_table_cell(&table, ctl_text(row, "node"));
	if (json_is_true(json_object_get(row, "registered"))) {
		ctl_table_cell(&table, "registered");
		ctl_table_cell(&table, "its node does not answer");
	}
	for (i = 0; (column = ctl_columns_all(i)) != NULL; i++) {
		/* Of other nodes' clients not everything is known. */
		if (json_object_get(row, column->name) == NULL)
			continue;
		ctl_table_cell(&table, column->name);
		column->show(row, column->name, &table);
	}
	return ctl_put_table(&table);
}

int
cmd_where(struct ctl *ctl)
{
	json_t *row;
	int code = ctl_ask(ctl, client_request(ctl, "where"), NULL, NULL, &row);

	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(row);
	else
		code = show_where(row);
	json_decref(row);
	return code;
}

static int
show_status_word(struct ctl *ctl, json_t *request)
{
	json_t *result;
	int code = ctl_ask(ctl, request, NULL, NULL, &result);

	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(result);
	else if (json_object_get(result, "node") == NULL)
		ctl_put_line("%s", ctl_text(result, "status"));
	else
		ctl_put_line("%s by %s", ctl_text(result, "status"),
		    ctl_text(result, "node"));
	json_decref(result);
	return code;
}

/* With args[first] as its type and perhaps the payload behind that; or NULL:
 * the payload is no JSON.  client NULL: for all. */
static char *
document_new(const struct ctl *ctl, const char *client, int first)
{
	json_t *payload = ctl->arg_count < first + 2 ?
	    json_null() :
	    json_loads(ctl->args[first + 1], JSON_DECODE_ANY, NULL);
	char message_id[32];
	json_t *document;
	char *text;

	if (payload == NULL)
		return NULL;
	snprintf(message_id, sizeof(message_id), "ctl-%016llx",
	    (unsigned long long)random_u64());
	document = json_pack("{s:s*, s:s, s:s, s:o}", "target_client_id",
	    client, "message_id", message_id, "event_type", ctl->args[first],
	    "payload", payload);
	text = json_dumps(document, JSON_COMPACT);
	json_decref(document);
	return text;
}

/* Takes request. */
static int
add_document(const struct ctl *ctl, json_t *request, const char *client,
    int first)
{
	char *document = document_new(ctl, client, first);

	if (document == NULL) {
		json_decref(request);
		return ctl_fail(ctl, CTL_USAGE, "usage",
		    "the payload must be JSON, such as '\"text\"'");
	}
	json_object_set_new(request, "document", json_string(document));
	free(document);
	return CTL_DONE;
}

int
cmd_dispatch(struct ctl *ctl)
{
	json_t *request = client_request(ctl, "dispatch");
	int code = add_document(ctl, request, ctl->args[0], 1);

	return code != CTL_DONE ? code : show_status_word(ctl, request);
}

static int
show_broadcast(const json_t *answer)
{
	const json_t *nodes = json_object_get(answer, "nodes"), *node;
	struct ctl_table table;
	size_t i;

	ctl_put_line("%s: %lld connections", ctl_text(answer, "status"),
	    (long long)ctl_int(answer, "connections"));
	if (nodes == NULL)
		return CTL_DONE;
	ctl_table_init(&table);
	ctl_table_column(&table, "NODE", CTL_LEFT);
	ctl_table_column(&table, "STATUS", CTL_LEFT);
	ctl_table_column(&table, "CONNECTIONS", CTL_RIGHT);
	json_array_foreach(nodes, i, node) {
		ctl_table_cell(&table, ctl_text(node, "node_id"));
		ctl_table_cell(&table, ctl_text(node, "status"));
		ctl_table_cellf(&table, "%lld",
		    (long long)ctl_int(node, "connections"));
	}
	return ctl_put_table(&table);
}

int
cmd_broadcast(struct ctl *ctl)
{
	json_t *request, *answer;
	int code;

	request = json_pack("{s:s, s:b}", "command", "broadcast", "node_only",
	    (ctl->options.given & CTL_OPT_NODE) != 0);
	code = add_document(ctl, request, NULL, 0);
	if (code == CTL_DONE)
		code = ctl_ask(ctl, request, NULL, NULL, &answer);
	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(answer);
	else
		code = show_broadcast(answer);
	/* Some node has not taken it. */
	if (code == CTL_DONE &&
	    strcmp(ctl_text(answer, "status"), "partial") == 0)
		code = CTL_REFUSED;
	json_decref(answer);
	return code;
}

int
cmd_send(struct ctl *ctl)
{
	json_t *request = client_request(ctl, "send");

	json_object_set_new(request, "text", json_string(ctl->args[1]));
	return show_status_word(ctl, request);
}

int
cmd_kick(struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	json_t *request = client_request(ctl, "kick");

	if (options->given & CTL_OPT_CODE)
		json_object_set_new(request, "code",
		    json_integer((json_int_t)options->code));
	if (options->given & CTL_OPT_REASON)
		json_object_set_new(request, "reason",
		    json_string(options->reason));
	return show_status_word(ctl, request);
}
