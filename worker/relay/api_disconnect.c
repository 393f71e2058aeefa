/* SPDX-License-Identifier: ISC */
/*
 * POST /api/v1/gateway/disconnect: closes a client's connection with a code
 * (4002 unless another is given) and a reason, on whatever node it is.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/relay/api_call.h"
#include "worker/relay/operator.h"
#include "worker/relay/reach.h"
#include "worker/relay/relay.h"

static const struct api_field fields[] = {
	{ "target_client_id", API_CLIENT_ID, true, 0 },
	{ "code", API_WHOLE, false, 4999 },
	{ "reason", API_TEXT_OR_EMPTY, false, OPERATOR_REASON_MAX },
};

struct disconnect {
	struct api_call *call; /* owned until the reply */
	char client_id[API_CLIENT_ID_MAX + 1];
	char node[ROUTE_NODE_MAX + 1]; /* another one; "": this one */
};

static void
reply_done(struct disconnect *disconnect)
{
	const char *own = disconnect->call->relay->worker->settings.node.id;
	const char *node = disconnect->node[0] != '\0' ? disconnect->node : own;
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, "{\"target_client_id\":");
	textbuf_json(&json, disconnect->client_id,
	    strlen(disconnect->client_id));
	textbuf_puts(&json,
	    ",\"status\":\"disconnected\",\"gateway_node_id\":");
	textbuf_json(&json, node, strlen(node));
	textbuf_putc(&json, '}');
	api_reply(disconnect->call, 200, &json);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct disconnect *disconnect = owner;
	struct api_fault fault;

	(void)item;
	(void)position;
	switch (status) {
	case DELIVERY_DELIVERED:
	case DELIVERY_QUEUED:
		reply_done(disconnect);
		break;
	case DELIVERY_NOT_CONNECTED:
		api_reply_not_connected(disconnect->call,
		    disconnect->client_id);
		break;
	case DELIVERY_UNKNOWN:
		api_fault_set(&fault, 504, "unknown",
		    "no receipt in time: it may have been disconnected");
		api_reply_fault(disconnect->call, &fault);
		break;
	default:
		api_reply_busy(disconnect->call,
		    reach_busy_text(disconnect->call->relay));
		break;
	}
	free(disconnect);
}

static void
start(struct api_call *call, const json_t *body)
{
	struct disconnect *disconnect;
	struct delivery_order order = { on_done, NULL, 0, 0 };
	struct forward_what what;
	const json_t *code, *reason;
	const char *id, *text;
	enum delivery_status status;
	struct api_fault fault;
	uint32_t number = OPERATOR_KICK_CODE;

	id = json_string_value(json_object_get(body, "target_client_id"));
	code = json_object_get(body, "code");
	reason = json_object_get(body, "reason");
	text = reason == NULL ? "" : json_string_value(reason);
	if (code != NULL)
		number = (uint32_t)json_number_value(code);
	if (!api_close_code_ok(number)) {
		api_fault_set(&fault, 400, "bad_field",
		    "field 'code' must be 1000, 1001, 1008, 1011, 1012, 1013 "
		    "or 3000 to 4999");
		api_reply_fault(call, &fault);
		return;
	}
	disconnect = calloc(1, sizeof(*disconnect));
	if (disconnect == NULL) {
		api_reply_busy(call, "no memory");
		return;
	}
	disconnect->call = call;
	memcpy(disconnect->client_id, id, strlen(id));
	order.owner = disconnect;
	what = (struct forward_what){ .kind = INBOX_KICK,
		.client = disconnect->client_id,
		.client_len = strlen(id),
		.text = text,
		.len = strlen(text),
		.code = (uint16_t)number };
	status = reach_client(call->relay, &what, &order, disconnect->node);
	if (status != DELIVERY_PENDING)
		on_done(disconnect, 0, status, 0);
}

void
api_disconnect_post(struct api_call *call)
{
	json_t *body;

	body = api_call_json(call, fields, sizeof(fields) / sizeof(fields[0]));
	if (body == NULL)
		return;
	start(call, body);
	json_decref(body);
}
