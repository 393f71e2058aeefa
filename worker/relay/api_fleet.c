/* SPDX-License-Identifier: ISC */
/*
 * GET /api/v1/fleet/nodes.  A standalone node is a fleet of one.
 */
#include <string.h>

#include "worker/relay/api_call.h"
#include "worker/relay/relay.h"

void
api_fleet_nodes_get(struct api_call *call)
{
	const struct worker *worker = call->relay->worker;
	const struct settings *settings = &worker->settings;
	const struct node_shared *shared = worker->node.shared;
	struct textbuf json;
	uint32_t slot, open = 0;

	for (slot = 0; slot < SLOT_MAX_WORKERS; slot++)
		open += atomic_load_explicit(&shared->slot[slot].open,
		    memory_order_relaxed);
	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, "[{\"node_id\":");
	textbuf_json(&json, settings->node.id, strlen(settings->node.id));
	textbuf_puts(&json, ",\"region\":");
	textbuf_json(&json, settings->node.region,
	    strlen(settings->node.region));
	textbuf_printf(&json,
	    ",\"state\":\"%s\",\"connections\":%u,\"open\":%u,"
	    "\"capacity\":%u,\"slots\":%u,\"incarnation\":\"%016llx\"}]",
	    atomic_load_explicit(&shared->draining, memory_order_relaxed) != 0 ?
		"draining" :
		"ready",
	    node_connections(&worker->node), open,
	    atomic_load_explicit(&shared->capacity, memory_order_relaxed),
	    shared->slots, (unsigned long long)worker->slot->nonce);
	api_reply(call, 200, &json);
}
