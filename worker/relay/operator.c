/* SPDX-License-Identifier: ISC */
/*
 * Each request becomes one delivery; its end becomes the reply.  A reply that
 * cannot be sent is dropped: the supervisor has a deadline of its own.
 */
#include "worker/relay/operator.h"

#include <stdlib.h>
#include <string.h>

#include "lib/escape.h"
#include "worker/relay/reach.h"
#include "worker/relay/relay.h"

struct operator_wait {
	struct relay *relay;
	uint64_t id;
	enum inbox_kind kind;
	char node[ROUTE_NODE_MAX + 1]; /* another one; "": this one */
};

void
operator_reply(struct relay *relay, uint64_t id, const char *status,
    const char *text, const char *node)
{
	Holdfast__Reply message = HOLDFAST__REPLY__INIT;

	/* protobuf-c has no const strings; it only reads them */
	message.id = id;
	message.status = (char *)(uintptr_t)status;
	message.text = (char *)(uintptr_t)text;
	message.node = (char *)(uintptr_t)node;
	worker_send(relay->worker, MSG_REPLY, &message.base);
}

static void
end(struct operator_wait *wait, enum delivery_status how)
{
	struct relay *relay = wait->relay;
	const char *status = delivery_status_name(how);
	const char *text = how == DELIVERY_BUSY ? reach_busy_text(relay) : NULL;
	const char *node = NULL;

	if (how == DELIVERY_DELIVERED || how == DELIVERY_QUEUED) {
		if (wait->kind == INBOX_KICK)
			status = "disconnected";
		node = relay->worker->settings.node.id;
	}
	if (how != DELIVERY_NOT_CONNECTED && wait->node[0] != '\0')
		node = wait->node;
	operator_reply(relay, wait->id, status, text, node);
	free(wait);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	(void)item;
	(void)position;
	end(owner, status);
}

/* ---- what is wrong with a request, or NULL */

static const char *
refuse_kick(const Holdfast__Request *request)
{
	size_t len = request->has_payload ? request->payload.len : 0;

	if (len > OPERATOR_REASON_MAX ||
	    (len > 0 && memchr(request->payload.data, '\0', len) != NULL))
		return "a close reason has at most 123 bytes";
	if (request->has_code && !api_close_code_ok(request->code))
		return "close codes are 1000, 1001, 1008, 1011, 1012, 1013 "
		       "and 3000 to 4999";
	return NULL;
}

static const char *
refuse(const Holdfast__Request *request, enum inbox_kind kind)
{
	if (kind == INBOX_KIND_MAX)
		return "the relay knows send, dispatch, kick, where and "
		       "broadcast";
	if (!api_client_id_ok(request->client, strlen(request->client)))
		return "a client id has 1 to 100 printable ASCII characters "
		       "and no blank";
	if (request->has_payload &&
	    !escape_is_utf8((const char *)request->payload.data,
		request->payload.len))
		return "the text is not UTF-8";
	return kind == INBOX_KICK ? refuse_kick(request) : NULL;
}

/* Is it one document, for that client? */
static bool
is_document(const struct forward_what *what, struct api_fault *fault)
{
	struct dispatch_body body;
	bool is_good;

	if (dispatch_body_parse(what->text, what->len, &body, fault) != 0)
		return false;
	is_good = !body.is_array &&
	    body.docs[0].target_len == what->client_len &&
	    memcmp(body.docs[0].target, what->client, what->client_len) == 0;
	if (!is_good)
		api_fault_set(fault, 400, "bad_field",
		    "the document is for another client");
	dispatch_body_clear(&body);
	return is_good;
}

/* ---- and what becomes of it */

static void
start(struct operator_wait *wait, const Holdfast__Request *request,
    const char *text)
{
	struct delivery_order order = { on_done, wait, 0, 0 };
	const struct forward_what what = { .kind = wait->kind,
		.client = request->client,
		.client_len = strlen(request->client),
		.text = text,
		.len = request->has_payload ? request->payload.len : 0,
		.code = (uint16_t)(request->has_code ? request->code :
						       OPERATOR_KICK_CODE) };
	enum delivery_status status;
	struct api_fault fault;

	if (wait->kind == INBOX_DISPATCH && !is_document(&what, &fault)) {
		operator_reply(wait->relay, wait->id, "refused", fault.text,
		    NULL);
		free(wait);
		return;
	}
	status = reach_client(wait->relay, &what, &order, wait->node);
	if (status != DELIVERY_PENDING)
		end(wait, status);
}

static enum inbox_kind
kind_of(const char *verb)
{
	if (strcmp(verb, "send") == 0)
		return INBOX_TEXT;
	if (strcmp(verb, "dispatch") == 0)
		return INBOX_DISPATCH;
	return strcmp(verb, "kick") == 0 ? INBOX_KICK : INBOX_KIND_MAX;
}

void
operator_request(struct relay *relay, const Holdfast__Request *request)
{
	bool is_where = strcmp(request->verb, "where") == 0;
	enum inbox_kind kind = kind_of(request->verb);
	struct operator_wait *wait;
	const char *problem;
	char *text;

	if (strcmp(request->verb, "broadcast") == 0) {
		operator_broadcast(relay, request);
		return;
	}
	problem = refuse(request, is_where ? INBOX_TEXT : kind);
	if (problem != NULL) {
		operator_reply(relay, request->id, "refused", problem, NULL);
		return;
	}
	if (is_where) {
		operator_where(relay, request->id, request->client);
		return;
	}
	wait = calloc(1, sizeof(*wait));
	/* with a NUL behind it */
	text = calloc(1, (request->has_payload ? request->payload.len : 0) + 1);
	if (wait == NULL || text == NULL) {
		operator_reply(relay, request->id, "busy", "no memory", NULL);
		free(wait);
	} else {
		wait->relay = relay;
		wait->id = request->id;
		wait->kind = kind;
		if (request->has_payload && request->payload.len > 0)
			memcpy(text, request->payload.data,
			    request->payload.len);
		start(wait, request, text);
		shards_wake(&relay->shards);
	}
	free(text);
}
