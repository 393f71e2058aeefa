/* SPDX-License-Identifier: ISC */
/*
 * POST /api/v1/gateway/dispatch: every document of the body becomes a delivery,
 * and the reply goes out when the last of them has ended.  Between the two only
 * the message ids are kept.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/relay/api_call.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/reach.h"
#include "worker/relay/relay.h"

struct dispatch_result {
	const char *message_id; /* inside the dispatch, NUL behind it */
	enum delivery_status status;
	char node[ROUTE_NODE_MAX + 1]; /* another one; "": this one */
};

struct dispatch {
	struct api_call *call; /* owned until the reply */
	uint32_t left;
	uint32_t count;
	bool is_array;
	struct dispatch_result results[];
};

static int
http_status(enum delivery_status status)
{
	switch (status) {
	case DELIVERY_DELIVERED:
	case DELIVERY_QUEUED:
		return 200;
	case DELIVERY_NOT_CONNECTED:
		return 404;
	case DELIVERY_TOO_BIG:
		return 413;
	case DELIVERY_UNKNOWN:
		return 504;
	default:
		return 503;
	}
}

/* What a status that is no success means for the caller. */
static const char *
explain(const struct relay *relay, enum delivery_status status)
{
	switch (status) {
	case DELIVERY_NOT_CONNECTED:
		return "the client is not connected";
	case DELIVERY_TOO_BIG:
		return "the document is too long for a ring";
	case DELIVERY_UNKNOWN:
		return "no receipt in time: it may have been delivered; the "
		       "client may see a repetition";
	default:
		return reach_busy_text(relay);
	}
}

static void
put_result(struct textbuf *json, const struct dispatch *dispatch,
    const struct dispatch_result *result)
{
	const struct relay *relay = dispatch->call->relay;
	const char *own = relay->worker->settings.node.id;
	const char *node = result->node[0] != '\0' ? result->node : own;
	const char *status = delivery_status_name(result->status);

	textbuf_puts(json, "{\"message_id\":");
	textbuf_json(json, result->message_id, strlen(result->message_id));
	textbuf_printf(json, ",\"status\":\"%s\",\"gateway_node_id\":", status);
	/* no node has a client that is not connected */
	if (result->status == DELIVERY_NOT_CONNECTED)
		textbuf_puts(json, "null");
	else
		textbuf_json(json, node, strlen(node));
	if (!dispatch->is_array && http_status(result->status) != 200)
		textbuf_printf(json, ",\"error\":\"%s\",\"message\":\"%s\"",
		    status, explain(relay, result->status));
	textbuf_putc(json, '}');
}

static void
reply(struct dispatch *dispatch)
{
	struct textbuf json;
	uint32_t i;
	int status = 200;

	textbuf_init(&json, API_REPLY_MAX);
	if (dispatch->is_array)
		textbuf_putc(&json, '[');
	else
		status = http_status(dispatch->results[0].status);
	for (i = 0; i < dispatch->count; i++) {
		if (i > 0)
			textbuf_putc(&json, ',');
		put_result(&json, dispatch, &dispatch->results[i]);
	}
	if (dispatch->is_array)
		textbuf_putc(&json, ']');
	api_reply(dispatch->call, status, &json);
	free(dispatch);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct dispatch *dispatch = owner;

	(void)position;
	dispatch->results[item].status = status;
	if (--dispatch->left == 0)
		reply(dispatch);
}

/* One block of memory with the message ids behind the results. */
static struct dispatch *
dispatch_new(struct api_call *call, const struct dispatch_body *body)
{
	struct dispatch *dispatch;
	size_t i, bytes = sizeof(*dispatch);
	char *at;

	bytes += body->count * sizeof(dispatch->results[0]);
	for (i = 0; i < body->count; i++)
		bytes += body->docs[i].message_id_len + 1;
	dispatch = calloc(1, bytes);
	if (dispatch == NULL)
		return NULL;
	dispatch->call = call;
	dispatch->count = (uint32_t)body->count;
	dispatch->left = dispatch->count;
	dispatch->is_array = body->is_array;
	at = (char *)&dispatch->results[body->count];
	for (i = 0; i < body->count; i++) {
		dispatch->results[i].message_id = at;
		memcpy(at, body->docs[i].message_id,
		    body->docs[i].message_id_len); /* a NUL is there */
		at += body->docs[i].message_id_len + 1;
	}
	return dispatch;
}

static enum delivery_status
send_doc(struct relay *relay, const struct dispatch_doc *doc,
    const struct delivery_order *order, struct dispatch_result *result)
{
	const struct forward_what what = { .kind = INBOX_DISPATCH,
		.client = doc->target,
		.client_len = doc->target_len,
		.text = doc->bytes,
		.len = doc->len };

	return reach_client(relay, &what, order, result->node);
}

void
api_dispatch_post(struct api_call *call)
{
	struct delivery_order order = { on_done, NULL, 0, call->wait_ms };
	const struct dispatch_doc *doc;
	struct dispatch_body body;
	struct dispatch *dispatch;
	struct api_fault fault;
	enum delivery_status status;

	if (dispatch_body_parse(call->body, call->body_len, &body, &fault) !=
	    0) {
		api_reply_fault(call, &fault);
		return;
	}
	dispatch = dispatch_new(call, &body);
	if (dispatch == NULL) {
		dispatch_body_clear(&body);
		api_reply_busy(call, "no memory");
		return;
	}
	order.owner = dispatch;
	for (; order.item < dispatch->count; order.item++) {
		doc = &body.docs[order.item];
		status = send_doc(call->relay, doc, &order,
		    &dispatch->results[order.item]);
		dispatch->results[order.item].status = status;
		if (status != DELIVERY_PENDING)
			dispatch->left--;
	}
	dispatch_body_clear(&body);
	api_call_drop_body(call);
	if (dispatch->left == 0)
		reply(dispatch);
}
