/* SPDX-License-Identifier: ISC */
/*
 * Each request becomes one delivery; its end becomes the reply.  A reply that
 * cannot be sent is dropped: the supervisor has a deadline of its own.
 */
#include "worker/relay/operator.h"

#include <stdlib.h>
#include <string.h>

#include "lib/escape.h"
#include "worker/relay/relay.h"

struct operator_wait {
	struct relay *relay;
	uint64_t id;
	bool is_kick;
};

static void
reply(struct relay *relay, uint64_t id, const char *status, const char *text)
{
	Holdfast__Reply message = HOLDFAST__REPLY__INIT;

	/* protobuf-c has no const strings; it only reads them */
	message.id = id;
	message.status = (char *)(uintptr_t)status;
	message.text = (char *)(uintptr_t)text;
	worker_send(relay->worker, MSG_REPLY, &message.base);
}

static void
tell(struct relay *relay, uint64_t id, bool is_kick, enum delivery_status how)
{
	if (is_kick && (how == DELIVERY_DELIVERED || how == DELIVERY_QUEUED))
		reply(relay, id, "disconnected", NULL);
	else
		reply(relay, id, delivery_status_name(how), NULL);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct operator_wait *wait = owner;

	(void)item;
	(void)position;
	tell(wait->relay, wait->id, wait->is_kick, status);
	free(wait);
}

static bool
is_utf8(const uint8_t *bytes, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = escape_utf8_len((const char *)bytes + at, len - at);
		if (n == 0)
			return false;
	}
	return true;
}

static enum delivery_status
start(struct operator_wait *wait, const Holdfast__Request *request)
{
	struct delivery_order order = { on_done, wait, 0, 0 };
	struct delivery *delivery = &wait->relay->delivery;
	char reason[OPERATOR_REASON_MAX + 1] = "";
	uint32_t code;

	if (!wait->is_kick)
		return delivery_send(delivery, request->client,
		    strlen(request->client), request->payload.data,
		    request->payload.len, &order);
	code = request->has_code ? request->code : OPERATOR_KICK_CODE;
	if (request->has_payload && request->payload.len > 0)
		memcpy(reason, request->payload.data, request->payload.len);
	return delivery_kick(delivery, request->client, strlen(request->client),
	    (uint16_t)code, reason, &order);
}

/* What is wrong with a request, or NULL. */
static const char *
refuse(const Holdfast__Request *request)
{
	bool is_kick = strcmp(request->verb, "kick") == 0;
	size_t len = request->has_payload ? request->payload.len : 0;

	if (!is_kick && strcmp(request->verb, "send") != 0)
		return "the relay knows send and kick";
	if (!api_client_id_ok(request->client, strlen(request->client)))
		return "a client id has 1 to 100 printable ASCII characters "
		       "and no blank";
	if (!is_utf8(request->payload.data, len))
		return "the text is not UTF-8";
	if (!is_kick)
		return NULL;
	if (len > OPERATOR_REASON_MAX ||
	    (len > 0 && memchr(request->payload.data, '\0', len) != NULL))
		return "a close reason has at most 123 bytes";
	if (request->has_code && !api_close_code_ok(request->code))
		return "close codes are 1000, 1001, 1008, 1011, 1012, 1013 "
		       "and 3000 to 4999";
	return NULL;
}

void
operator_request(struct relay *relay, const Holdfast__Request *request)
{
	struct operator_wait *wait;
	enum delivery_status status;
	const char *problem;

	problem = refuse(request);
	if (problem != NULL) {
		reply(relay, request->id, "refused", problem);
		return;
	}
	wait = calloc(1, sizeof(*wait));
	if (wait == NULL) {
		reply(relay, request->id, "busy", "no memory");
		return;
	}
	wait->relay = relay;
	wait->id = request->id;
	wait->is_kick = strcmp(request->verb, "kick") == 0;
	status = start(wait, request);
	if (status != DELIVERY_PENDING) {
		tell(relay, wait->id, wait->is_kick, status);
		free(wait);
	}
	shards_wake(&relay->shards);
}
