/* SPDX-License-Identifier: ISC */
/*
 * POST /api/v1/gateway/broadcast: the body, byte for byte, to every connection
 * of the fleet (api_broadcast_fleet.c) or, with ?scope=node or without a fleet,
 * of this node.  Then the reply comes as soon as all slots have been told, with
 * the number of open connections; with ?wait_ms= it waits for the slots and
 * tells to how many the message was sent.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/relay/api_broadcast_fleet.h"
#include "worker/relay/api_call.h"
#include "worker/relay/relay.h"

static const struct api_field fields[] = {
	{ "message_id", API_TEXT, true, API_TEXT_MAX },
	{ "event_type", API_TEXT, true, API_TEXT_MAX },
	{ "payload", API_ANY, true, 0 },
};

struct broadcast {
	struct api_call *call; /* owned until the reply */
	uint32_t slots;
	uint32_t left; /* receipts to come */
	bool all;      /* no slot has failed to answer */
	uint64_t connections;
	char message_id[API_TEXT_MAX + 1];
};

static void
reply(struct broadcast *broadcast, int http, const char *status)
{
	const char *node = broadcast->call->relay->worker->settings.node.id;
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, "{\"message_id\":");
	textbuf_json(&json, broadcast->message_id,
	    strlen(broadcast->message_id));
	textbuf_printf(&json,
	    ",\"status\":\"%s\",\"slots\":%u,\"connections\":%llu,"
	    "\"gateway_node_id\":",
	    status, broadcast->slots,
	    (unsigned long long)broadcast->connections);
	textbuf_json(&json, node, strlen(node));
	textbuf_putc(&json, '}');
	api_reply(broadcast->call, http, &json);
	free(broadcast);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct broadcast *broadcast = owner;

	(void)item;
	if (status == DELIVERY_DELIVERED || status == DELIVERY_QUEUED)
		broadcast->connections += position;
	else
		broadcast->all = false;
	if (--broadcast->left == 0)
		reply(broadcast, 200,
		    broadcast->all ? "delivered" : "accepted");
}

static void
refuse(struct broadcast *broadcast, enum delivery_status status)
{
	struct api_call *call = broadcast->call;
	struct api_fault fault;

	if (status == DELIVERY_TOO_BIG) {
		api_fault_set(&fault, 413, "too_big",
		    "the document is too long for a ring");
		api_reply_fault(call, &fault);
	} else {
		api_reply_busy(call,
		    "a slot cannot take it now: nothing was sent");
	}
	free(broadcast);
}

static uint64_t
open_connections(const struct node *node)
{
	uint64_t sum = 0;
	uint32_t slot;

	for (slot = 0; slot < SLOT_MAX_WORKERS; slot++)
		sum += atomic_load_explicit(&node->shared->slot[slot].open,
		    memory_order_relaxed);
	return sum;
}

static void
start(struct api_call *call, const json_t *body)
{
	struct broadcast *broadcast;
	struct delivery_order order = { on_done, NULL, 0, call->wait_ms };
	const char *message_id;
	enum delivery_status status;

	broadcast = calloc(1, sizeof(*broadcast));
	if (broadcast == NULL) {
		api_reply_busy(call, "no memory");
		return;
	}
	message_id = json_string_value(json_object_get(body, "message_id"));
	memcpy(broadcast->message_id, message_id, strlen(message_id));
	broadcast->call = call;
	broadcast->all = true;
	order.owner = broadcast;
	status = delivery_broadcast(&call->relay->delivery, call->body,
	    call->body_len, call->wait_ms > 0 ? &order : NULL,
	    &broadcast->slots);
	broadcast->left = broadcast->slots;
	if (status != DELIVERY_PENDING) {
		refuse(broadcast, status);
		return;
	}
	if (call->wait_ms > 0) {
		api_call_drop_body(call);
		return;
	}
	broadcast->connections = open_connections(&call->relay->worker->node);
	reply(broadcast, 202, "accepted");
}

void
api_broadcast_post(struct api_call *call)
{
	json_t *body;

	body = api_call_json(call, fields, sizeof(fields) / sizeof(fields[0]));
	if (body == NULL)
		return;
	if (backplane_is_on(&call->relay->backplane) && !call->is_node_scope)
		api_broadcast_fleet(call,
		    json_string_value(json_object_get(body, "message_id")));
	else
		start(call, body);
	json_decref(body);
}
