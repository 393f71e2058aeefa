/* SPDX-License-Identifier: ISC */
/*
 * POST broadcast and GET fleet/nodes: what concerns the whole node.
 */
#include <string.h>

#include "worker/relay/api_call.h"
#include "worker/relay/relay.h"

static const struct api_field broadcast_fields[] = {
	{ "message_id", API_TEXT, true, API_TEXT_MAX },
	{ "event_type", API_TEXT, true, API_TEXT_MAX },
	{ "payload", API_ANY, true, 0 },
};

static uint32_t
count_open(const struct relay *relay)
{
	const struct node_shared *node = relay->worker->node.shared;
	uint32_t open = 0;

	for (uint32_t i = 0; i < node->slots && i < SLOT_MAX_WORKERS; i++)
		open += atomic_load(&node->slot[i].open);
	return open;
}

void
api_broadcast(const struct api_call *call)
{
	struct relay *relay = call->api->relay;
	enum delivery_status status;
	struct api_fault fault;
	uint32_t slots = 0;
	json_t *root;

	if (api_json_parse(call->body, call->len, &root, &fault) != 0) {
		api_call_refuse(call, &fault);
		return;
	}
	if (api_json_check(root, broadcast_fields,
		sizeof(broadcast_fields) / sizeof(broadcast_fields[0]), -1,
		&fault) != 0) {
		json_decref(root);
		api_call_refuse(call, &fault);
		return;
	}
	status = delivery_broadcast(&relay->delivery, call->body, call->len,
	    NULL, &slots);
	if (status == DELIVERY_PENDING)
		api_call_reply(call, 202,
		    json_pack("{s:O, s:s, s:i, s:i}", "message_id",
			json_object_get(root, "message_id"), "status",
			"accepted", "slots", (int)slots, "connections",
			(int)count_open(relay)));
	else if (status == DELIVERY_TOO_BIG)
		api_call_fault(call, 413, "too_big",
		    "the message is too large for a broadcast");
	else
		api_call_fault(call, 503, "busy", "try again");
	json_decref(root);
}

void
api_fleet_nodes(const struct api_call *call)
{
	const struct relay *relay = call->api->relay;
	const struct settings *s = &relay->worker->settings;
	const struct node_shared *node = relay->worker->node.shared;
	bool draining = atomic_load(&node->draining) != 0;

	api_call_reply(call, 200,
	    json_pack("[{s:s, s:s, s:s, s:i, s:i, s:i}]", "node_id", s->node.id,
		"region", s->node.region, "state",
		draining ? "draining" : "healthy", "connections",
		(int)count_open(relay), "capacity",
		(int)atomic_load(&node->capacity), "slots", (int)node->slots));
}
