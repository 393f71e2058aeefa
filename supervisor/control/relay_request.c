/* SPDX-License-Identifier: ISC */
/*
 * Requests to the relay (see relay_request.h).
 */
#include "supervisor/control/relay_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/random.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

/* Longer than the relay waits for other nodes. */
#define GRACE_MS 3000u

void
relay_requests_init(struct relay_requests *requests)
{
	TAILQ_INIT(&requests->list);
	/* A relay may outlive us: answers to our predecessor are not ours. */
	requests->last_id = (uint64_t)random_u32() << 32;
}

void
relay_request_cancel(struct relay_request *request)
{
	TAILQ_REMOVE(&request->all->list, request, entry);
	event_free(request->deadline);
	free(request);
}

void
relay_requests_clear(struct relay_requests *requests)
{
	struct relay_request *request;

	while ((request = TAILQ_FIRST(&requests->list)) != NULL)
		relay_request_cancel(request);
}

static void
finish(struct relay_request *request, const char *status, const char *text,
    const char *node)
{
	relay_request_cb *done = request->done;
	void *arg = request->arg;

	relay_request_cancel(request);
	done(status, text, node, arg);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg, NULL, NULL, NULL);
}

void
relay_requests_answer(struct relay_requests *requests, uint64_t id,
    const char *status, const char *text, const char *node)
{
	struct relay_request *request;

	TAILQ_FOREACH(request, &requests->list, entry) {
		if (request->id == id) {
			finish(request, status, text, node);
			return;
		}
	}
}

static int
tell_relay(struct supervisor *sup, const struct relay_request_spec *spec,
    uint64_t id)
{
	Holdfast__Request message = HOLDFAST__REQUEST__INIT;
	char verb[16], client[128];

	snprintf(verb, sizeof(verb), "%s", spec->verb);
	snprintf(client, sizeof(client), "%s", spec->client);
	message.id = id;
	message.verb = verb;
	message.client = client;
	message.has_payload = spec->payload != NULL;
	message.payload.len = spec->payload_len;
	/* protobuf-c has no const; packing only reads it. */
	message.payload.data = (uint8_t *)(uintptr_t)spec->payload;
	message.has_code = spec->code != 0;
	message.code = spec->code;
	message.has_is_node_scope = spec->is_node_scope;
	message.is_node_scope = spec->is_node_scope;
	return slot_link_send(&sup->relay->to_tenant, MSG_REQUEST,
	    &message.base, NULL, 0);
}

int
relay_request_send(struct supervisor *sup,
    const struct relay_request_spec *spec, struct relay_request **out)
{
	struct relay_requests *requests = &sup->requests;
	uint64_t wait_ms = sup->conf.settings.api.request_timeout_ms + GRACE_MS;
	struct timeval tv = { .tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000) };
	struct relay_request *request;
	int rc;

	if (sup->relay == NULL)
		return -ENOTCONN;
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return -ENOMEM;
	request->id = ++requests->last_id;
	request->done = spec->done;
	request->arg = spec->arg;
	request->all = requests;
	request->deadline = evtimer_new(sup->base, on_deadline, request);
	if (request->deadline == NULL) {
		free(request);
		return -ENOMEM;
	}
	event_add(request->deadline, &tv);
	TAILQ_INSERT_TAIL(&requests->list, request, entry);
	rc = tell_relay(sup, spec, request->id);
	if (rc != 0) {
		relay_request_cancel(request);
		return rc;
	}
	*out = request;
	return 0;
}
