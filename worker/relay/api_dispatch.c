/* SPDX-License-Identifier: ISC */
/*
 * POST /api/v1/gateway/dispatch: one document or an array of them, each sent
 * to its client byte for byte.  The answer is true: `delivered` means that the
 * kernel has the frame for that client.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "worker/relay/api_call.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/relay.h"

struct dispatch {
	struct api_call call;
	struct dispatch_body body;
	enum delivery_status *status; /* owned; one for each document */
	size_t pending;
	uint64_t began_us;
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
	case DELIVERY_BUSY:
		return 503;
	case DELIVERY_TOO_BIG:
		return 413;
	default:
		return 504;
	}
}

static json_t *
result(const struct dispatch *d, size_t i)
{
	const struct dispatch_doc *doc = &d->body.docs[i];
	const char *node = d->call.api->relay->worker->settings.node.id;
	bool here = d->status[i] != DELIVERY_NOT_CONNECTED;

	return json_pack("{s:s%, s:s, s:s?}", "message_id", doc->message_id,
	    doc->message_id_len, "status", delivery_status_name(d->status[i]),
	    "gateway_node_id", here ? node : NULL);
}

static void
finish(struct dispatch *d)
{
	struct relay *relay = d->call.api->relay;
	json_t *answer;
	int status = 200;

	if (d->body.is_array) {
		answer = json_array();
		for (size_t i = 0; i < d->body.count; i++)
			(void)json_array_append_new(answer, result(d, i));
	} else {
		answer = result(d, 0);
		status = http_status(d->status[0]);
	}
	histogram_record(
	    &relay_counters(relay)->histogram[HISTOGRAM_DISPATCH_US],
	    clock_mono_us() - d->began_us);
	api_call_reply(&d->call, status, answer);
	dispatch_body_clear(&d->body);
	free(d->status);
	free(d);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct dispatch *d = owner;

	(void)position;
	d->status[item] = status;
	if (--d->pending == 0)
		finish(d);
}

static void
send_all(struct dispatch *d, uint32_t wait_ms)
{
	struct delivery *delivery = &d->call.api->relay->delivery;

	/* One more, so that finish() comes after the loop. */
	d->pending = 1;
	for (size_t i = 0; i < d->body.count; i++) {
		const struct dispatch_doc *doc = &d->body.docs[i];
		struct delivery_order order = { on_done, d, (uint32_t)i,
			wait_ms };

		d->status[i] = delivery_send(delivery, doc->target,
		    doc->target_len, doc->bytes, doc->len, &order);
		if (d->status[i] == DELIVERY_PENDING)
			d->pending++;
	}
	if (--d->pending == 0)
		finish(d);
}

void
api_dispatch(const struct api_call *call)
{
	struct api_fault fault;
	struct dispatch *d;
	uint32_t wait_ms;

	if (api_wait_parse(call->query, API_MAX_WAIT_MS, &wait_ms, &fault) !=
	    0) {
		api_call_refuse(call, &fault);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL) {
		api_call_fault(call, 503, "busy", "no memory");
		return;
	}
	d->call = *call;
	d->began_us = clock_mono_us();
	if (dispatch_body_parse(call->body, call->len, &d->body, &fault) != 0) {
		free(d);
		api_call_refuse(call, &fault);
		return;
	}
	d->status = calloc(d->body.count + 1, sizeof(*d->status));
	if (d->status == NULL) {
		dispatch_body_clear(&d->body);
		free(d);
		api_call_fault(call, 503, "busy", "no memory");
		return;
	}
	send_all(d, wait_ms);
}
