/* SPDX-License-Identifier: ISC */
/*
 * See broadcast.h.  Of this node alone the answer comes as soon as all slots
 * have been told, with the number of open connections; with wait_ms it waits
 * for the slots and tells to how many the message was sent.
 */
#include "worker/relay/broadcast.h"

#include <stdlib.h>
#include <string.h>

#include "worker/relay/broadcast_fleet.h"
#include "worker/relay/relay.h"

static const struct api_field fields[] = {
	{ "message_id", API_TEXT, true, API_TEXT_MAX },
	{ "event_type", API_TEXT, true, API_TEXT_MAX },
	{ "payload", API_ANY, true, 0 },
};

struct broadcast {
	struct broadcast_order order;
	uint32_t slots;
	uint32_t left; /* receipts to come */
	bool all;      /* no slot has failed to answer */
	uint64_t connections;
};

int
broadcast_parse(struct broadcast_order *order, struct api_fault *fault)
{
	const char *message_id;
	json_t *json;
	int rc;

	rc = api_json_parse(order->text, order->len, &json, fault);
	if (rc != 0)
		return rc;
	rc = api_json_check(json, fields, sizeof(fields) / sizeof(fields[0]),
	    -1, fault);
	if (rc == 0) {
		message_id = json_string_value(
		    json_object_get(json, "message_id"));
		memcpy(order->message_id, message_id, strlen(message_id));
	}
	json_decref(json);
	return rc;
}

void
broadcast_put(struct textbuf *json, const struct broadcast_order *order,
    const char *status, uint32_t slots, uint64_t connections)
{
	const char *node = order->relay->worker->settings.node.id;

	textbuf_init(json, BROADCAST_ANSWER_MAX);
	textbuf_puts(json, "{\"message_id\":");
	textbuf_json(json, order->message_id, strlen(order->message_id));
	textbuf_printf(json,
	    ",\"status\":\"%s\",\"slots\":%u,\"connections\":%llu,"
	    "\"gateway_node_id\":",
	    status, slots, (unsigned long long)connections);
	textbuf_json(json, node, strlen(node));
}

void
broadcast_refuse(const struct broadcast_order *order,
    enum delivery_status status, const char *why)
{
	struct api_fault fault;

	if (status == DELIVERY_TOO_BIG)
		api_fault_set(&fault, 413, "too_big",
		    "the document is too long for a ring");
	else
		api_fault_set(&fault, 503, "busy", "%s", why);
	order->refused(order->arg, &fault);
}

static void
end(struct broadcast *broadcast, int status, const char *word)
{
	struct textbuf json;

	broadcast_put(&json, &broadcast->order, word, broadcast->slots,
	    broadcast->connections);
	textbuf_putc(&json, '}');
	broadcast->order.done(broadcast->order.arg, status, &json);
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
		end(broadcast, 200, broadcast->all ? "delivered" : "accepted");
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
start(const struct broadcast_order *what)
{
	struct broadcast *broadcast = calloc(1, sizeof(*broadcast));
	struct delivery_order order = { on_done, broadcast, 0, what->wait_ms };
	enum delivery_status status;

	if (broadcast == NULL) {
		broadcast_refuse(what, DELIVERY_BUSY, "no memory");
		return;
	}
	broadcast->order = *what;
	broadcast->all = true;
	status = delivery_broadcast(&what->relay->delivery, what->text,
	    what->len, what->wait_ms > 0 ? &order : NULL, &broadcast->slots);
	broadcast->left = broadcast->slots;
	if (status != DELIVERY_PENDING) {
		broadcast_refuse(what, status,
		    "a slot cannot take it now: nothing was sent");
		free(broadcast);
		return;
	}
	if (what->wait_ms > 0) {
		what->taken(what->arg);
		return;
	}
	broadcast->connections = open_connections(&what->relay->worker->node);
	end(broadcast, 202, "accepted");
}

void
broadcast_start(const struct broadcast_order *order)
{
	if (backplane_is_on(&order->relay->backplane) && !order->is_node_scope)
		broadcast_fleet_start(order);
	else
		start(order);
}
