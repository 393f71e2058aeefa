/* SPDX-License-Identifier: ISC */
/*
 * POST /api/v1/gateway/broadcast: the body, byte for byte, to every connection
 * of the fleet or, with ?scope=node or without a fleet, of this node.
 */
#include "worker/relay/api_call.h"
#include "worker/relay/broadcast.h"
#include "worker/relay/relay.h"

static void
on_taken(void *arg)
{
	api_call_drop_body(arg);
}

static void
on_done(void *arg, int status, struct textbuf *json)
{
	api_reply(arg, status, json);
}

static void
on_refused(void *arg, const struct api_fault *fault)
{
	api_reply_fault(arg, fault);
}

void
api_broadcast_post(struct api_call *call)
{
	struct broadcast_order order = { .relay = call->relay,
		.text = call->body,
		.len = call->body_len,
		.wait_ms = call->wait_ms,
		.is_node_scope = call->is_node_scope,
		.taken = on_taken,
		.done = on_done,
		.refused = on_refused,
		.arg = call };
	struct api_fault fault;

	if (broadcast_parse(&order, &fault) != 0)
		api_reply_fault(call, &fault);
	else
		broadcast_start(&order);
}
