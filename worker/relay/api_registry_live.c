/* SPDX-License-Identifier: ISC */
/*
 * See api_registry_live.h.
 */
#include "worker/relay/api_registry_live.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "worker/relay/api_call.h"
#include "worker/relay/forward.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"

/* Of milliseconds with three digits behind the point. */
#define LATENCY_DIGITS 10

static const struct timeval patience = { 0, 500000 };

struct live {
	struct api_call *call; /* owned until the reply; NULL: there was one */
	struct event *late;    /* owned */
	char node[ROUTE_NODE_MAX + 1];
	char registered[REGISTRATION_MAX + 1];
};

static void
reply(struct live *live, const char *text)
{
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, text);
	api_reply(live->call, 200, &json);
	live->call = NULL;
}

static void
live_free(struct live *live)
{
	if (live->late != NULL)
		event_free(live->late);
	free(live);
}

/* Its word comes yet, and is then for nobody. */
static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct live *live = arg;

	(void)fd;
	(void)what;
	reply(live, live->registered);
}

/* What is registered with the latency of the row; NULL: one is nonsense. */
static char *
merge(const char *registered, const char *row)
{
	json_t *document = json_loads(registered, 0, NULL);
	json_t *fresh = json_loads(row, 0, NULL);
	const json_t *us = json_object_get(fresh, "ping_latency_us");
	char *text = NULL;

	if (json_is_object(document) && us != NULL &&
	    json_object_set_new(document, "ping_latency_ms",
		json_is_number(us) ? json_real(json_number_value(us) / 1000) :
				     json_null()) == 0)
		text = json_dumps(document,
		    JSON_COMPACT | JSON_REAL_PRECISION(LATENCY_DIGITS));
	json_decref(document);
	json_decref(fresh);
	return text;
}

static void
reply_row(struct live *live, const char *row)
{
	char *text = merge(live->registered, row);

	reply(live, text != NULL ? text : live->registered);
	free(text);
}

static void
on_row(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct live *live = owner;
	const char *row;

	(void)item;
	(void)position;
	if (live->call != NULL) {
		row = live->call->relay->receipt_row;
		if (status == DELIVERY_NOT_CONNECTED)
			api_reply_not_connected(live->call,
			    live->call->client_id);
		else if (status == DELIVERY_DELIVERED && row != NULL)
			reply_row(live, row);
		else
			reply(live, live->registered);
	}
	live_free(live);
}

void
api_registry_live(struct api_call *call, const char *node,
    const char *registered)
{
	struct live *live = calloc(1, sizeof(*live));
	const struct forward_what what = { .kind = INBOX_WHERE,
		.client = call->client_id,
		.client_len = call->client_id_len,
		.text = "" };
	struct delivery_order order = { on_row, live, 0, 0 };

	if (live == NULL) {
		api_reply_busy(call, "no memory");
		return;
	}
	live->call = call;
	memcpy(live->node, node, strnlen(node, ROUTE_NODE_MAX));
	memcpy(live->registered, registered,
	    strnlen(registered, REGISTRATION_MAX));
	live->late = evtimer_new(call->relay->worker->base, on_late, live);
	if (live->late == NULL || evtimer_add(live->late, &patience) != 0 ||
	    forward_to_node(call->relay, &what, &order, live->node) !=
		DELIVERY_PENDING) {
		reply(live, live->registered);
		live_free(live);
	}
}
