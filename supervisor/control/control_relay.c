/* SPDX-License-Identifier: ISC */
/*
 * send, dispatch, kick and broadcast on the control socket, and where for
 * clients of other nodes: carried out by the relay.
 */
#include <string.h>

#include "proto/record.h"
#include "supervisor/control/control_client.h"
#include "supervisor/supervisor.h"

#define CODE_KICKED 4002

static bool
is_good(const char *status)
{
	static const char *const good[] = { "delivered", "queued",
		"disconnected", "connected", "registered", "done" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (strcmp(status, good[i]) == 0)
			return true;
	}
	return false;
}

/* The answer is no result: true, and the call has failed. */
static bool
has_failed(struct control_call *call, const char *status, const char *text,
    const char *node)
{
	if (status == NULL)
		control_fail(call, "deadline", CONTROL_EXIT_DEADLINE,
		    "the relay did not answer in time");
	else if (strcmp(status, "not_connected") == 0)
		control_fail(call, status, CONTROL_EXIT_REFUSED,
		    "no connection has that client id");
	else if (strcmp(status, "unknown") == 0)
		control_fail(call, status, CONTROL_EXIT_DEADLINE,
		    "no receipt in time from node %s: it may have been done",
		    node == NULL ? call->sup->conf.settings.node.id : node);
	else if (!is_good(status))
		control_fail(call, status, CONTROL_EXIT_REFUSED, "%s",
		    text == NULL || text[0] == '\0' ? status : text);
	else
		return false;
	return true;
}

static void
on_answer(const char *status, const char *text, const char *node, void *arg)
{
	struct control_call *call = arg;
	json_t *result;

	call->state = NULL;
	call->cancel = NULL;
	if (has_failed(call, status, text, node))
		return;
	result = json_pack("{s:o}", "status", control_text(status));
	if (text != NULL && text[0] != '\0')
		json_object_set_new(result, "text", control_text(text));
	if (node != NULL)
		json_object_set_new(result, "node", control_text(node));
	control_done(call, result);
}

/* What a node has registered, as a row of clients as far as it goes. */
static json_t *
registered_row(const char *text, const char *client, const char *node)
{
	json_t *registration = text == NULL ? NULL : json_loads(text, 0, NULL);
	json_t *row, *when, *latency;

	row = json_pack("{s:o, s:o, s:b}", "node", control_text(node),
	    "client_id", control_text(client), "registered", 1);
	when = json_object_get(registration, "established_at");
	latency = json_object_get(registration, "ping_latency_ms");
	if (json_is_string(json_object_get(registration, "ip_address")))
		json_object_set(row, "address",
		    json_object_get(registration, "ip_address"));
	if (json_is_string(when))
		json_object_set(row, "established_at", when);
	if (json_is_number(latency))
		json_object_set_new(row, "ping_latency_us",
		    json_integer(
			(json_int_t)(json_number_value(latency) * 1000)));
	json_decref(registration);
	return row;
}

/* Its node's own word; NULL: it makes no sense. */
static json_t *
live_row(const char *text, const char *client, const char *node)
{
	json_t *row = text == NULL ? NULL : json_loads(text, 0, NULL);
	const char *id = json_string_value(json_object_get(row, "client_id"));

	if (id == NULL || strcmp(id, client) != 0) {
		json_decref(row);
		return NULL;
	}
	json_object_set_new(row, "node", control_text(node));
	return row;
}

static void
on_where(const char *status, const char *text, const char *node, void *arg)
{
	struct control_call *call = arg;
	const char *client = control_arg_text(call, "client");
	json_t *row = NULL;

	call->state = NULL;
	call->cancel = NULL;
	if (has_failed(call, status, text, node))
		return;
	if (node == NULL)
		node = "";
	if (strcmp(status, "connected") == 0)
		row = live_row(text, client, node);
	if (row == NULL)
		row = registered_row(strcmp(status, "registered") == 0 ? text :
									 NULL,
		    client, node);
	control_done(call, row);
}

static void
cancel(struct control_call *call)
{
	relay_request_cancel(call->state);
	call->state = NULL;
}

static void
ask_relay(struct control_call *call, struct relay_request_spec *spec)
{
	struct relay_request *request;
	int rc;

	spec->arg = call;
	rc = relay_request_send(call->sup, spec, &request);
	if (rc != 0) {
		control_fail(call, "relay_unavailable", CONTROL_EXIT_REFUSED,
		    "the relay cannot be asked: %s", strerror(-rc));
		return;
	}
	call->state = request;
	call->cancel = cancel;
}

static void
ask(struct control_call *call, struct relay_request_spec *spec)
{
	spec->client = control_arg_text(call, "client");
	if (spec->client == NULL || spec->client[0] == '\0' ||
	    strlen(spec->client) > RECORD_ID_MAX) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "client: a client id is wanted");
		return;
	}
	if (spec->done == NULL)
		spec->done = on_answer;
	ask_relay(call, spec);
}

void
control_run_send(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "send" };
	const char *text = control_arg_text(call, "text");

	if (text == NULL) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "text: what is to be sent is missing");
		return;
	}
	spec.payload = text;
	spec.payload_len = strlen(text);
	ask(call, &spec);
}

static bool
take_document(struct control_call *call, struct relay_request_spec *spec)
{
	spec->payload = control_arg_text(call, "document");
	if (spec->payload == NULL) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "document: it is missing");
		return false;
	}
	spec->payload_len = strlen(spec->payload);
	return true;
}

void
control_run_dispatch(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "dispatch" };

	if (take_document(call, &spec))
		ask(call, &spec);
}

static void
on_broadcast(const char *status, const char *text, const char *node, void *arg)
{
	struct control_call *call = arg;
	json_t *answer;

	call->state = NULL;
	call->cancel = NULL;
	if (has_failed(call, status, text, node))
		return;
	answer = text == NULL ? NULL : json_loads(text, 0, NULL);
	if (answer == NULL)
		control_fail(call, "relay_unavailable", CONTROL_EXIT_REFUSED,
		    "the relay's answer makes no sense");
	else
		control_done(call, answer);
}

void
control_run_broadcast(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "broadcast",
		.client = "",
		.is_node_scope = control_arg_bool(call, "node_only"),
		.done = on_broadcast };

	if (take_document(call, &spec))
		ask_relay(call, &spec);
}

void
control_ask_where(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "where", .done = on_where };

	ask(call, &spec);
}

void
control_run_kick(struct control_call *call)
{
	struct relay_request_spec spec = { .verb = "kick" };
	const char *reason = control_arg_text(call, "reason");
	int64_t code = control_arg_int(call, "code", CODE_KICKED);

	if (code != 1000 && code != 1001 && code != 1008 &&
	    (code < 3000 || code > 4999)) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "code: 1000, 1001, 1008 or 3000 to 4999");
		return;
	}
	if (reason != NULL && strlen(reason) > 123) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "reason: at most 123 bytes fit in a close frame");
		return;
	}
	spec.code = (uint32_t)code;
	if (reason != NULL) {
		spec.payload = reason;
		spec.payload_len = strlen(reason);
	}
	ask(call, &spec);
}
