/* SPDX-License-Identifier: ISC */
/*
 * `holdfastctl broadcast`: what POST /api/v1/gateway/broadcast does, for the
 * operator.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/channel.h"
#include "worker/relay/broadcast.h"
#include "worker/relay/operator.h"
#include "worker/relay/relay.h"

/* What a packet has room for beside the rest of a reply. */
#define ANSWER_MAX (CHANNEL_MAX_PACKET - 1024u)

struct operator_broadcast {
	struct relay *relay; /* borrowed */
	uint64_t id;
	char text[]; /* with a NUL behind it */
};

static void
on_taken(void *arg)
{
	(void)arg;
}

/* The node by node part of a very large fleet is left out. */
static char *
shorten(const char *answer)
{
	json_t *json = json_loads(answer, 0, NULL);
	char *text;

	json_object_del(json, "nodes");
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

static void
on_done(void *arg, int status, struct textbuf *json)
{
	struct operator_broadcast *broadcast = arg;
	const char *answer = textbuf_text(json);
	char *shorter = NULL;

	(void)status;
	if (textbuf_error(json) == 0 && strlen(answer) > ANSWER_MAX)
		answer = shorter = shorten(answer);
	if (textbuf_error(json) != 0 || answer == NULL)
		operator_reply(broadcast->relay, broadcast->id, "unknown", NULL,
		    NULL);
	else
		operator_reply(broadcast->relay, broadcast->id, "done", answer,
		    NULL);
	free(shorter);
	textbuf_clear(json);
	free(broadcast);
}

static void
on_refused(void *arg, const struct api_fault *fault)
{
	struct operator_broadcast *broadcast = arg;

	operator_reply(broadcast->relay, broadcast->id, fault->code,
	    fault->text, NULL);
	free(broadcast);
}

void
operator_broadcast(struct relay *relay, const Holdfast__Request *request)
{
	const bool is_node_scope = request->has_is_node_scope &&
	    request->is_node_scope;
	size_t len = request->has_payload ? request->payload.len : 0;
	struct broadcast_order order = { .relay = relay,
		.len = len,
		.is_node_scope = is_node_scope,
		.taken = on_taken,
		.done = on_done,
		.refused = on_refused };
	struct operator_broadcast *broadcast;
	struct api_fault fault;

	broadcast = calloc(1, sizeof(*broadcast) + len + 1);
	if (broadcast == NULL) {
		operator_reply(relay, request->id, "busy", "no memory", NULL);
		return;
	}
	broadcast->relay = relay;
	broadcast->id = request->id;
	if (len > 0)
		memcpy(broadcast->text, request->payload.data, len);
	order.text = broadcast->text;
	order.arg = broadcast;
	/* The answers of a fleet are waited for in any case. */
	if (is_node_scope || !backplane_is_on(&relay->backplane))
		order.wait_ms =
		    (uint32_t)relay->worker->settings.api.request_timeout_ms;
	if (broadcast_parse(&order, &fault) != 0)
		on_refused(broadcast, &fault);
	else
		broadcast_start(&order);
}
