/* SPDX-License-Identifier: ISC */
/*
 * Reads pushed messages (see pushes.h).  Whoever can publish may have written
 * them.
 */
#include "worker/relay/pushes.h"

#include <string.h>

#include "lib/log.h"
#include "worker/relay/api_json.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/forward.h"
#include "worker/relay/relay.h"

/* Documents of ours begin with it. */
static const char word_begin[] = "{\"holdfast\":";

typedef void word_handler(struct relay *, const json_t *);

static word_handler on_replaced, on_receipt, on_canary;

#define MAX_FIELDS 4u

static const struct word {
	const char *name;
	word_handler *handler;
	struct api_field fields[MAX_FIELDS];
	size_t field_count;
} words[] = {
	{ "replaced", on_replaced,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "client_id", API_CLIENT_ID, true, 0 },
		{ "gateway_node_id", API_TEXT, true, ROUTE_NODE_MAX },
		{ "established_at", API_WHOLE, true, UINT64_C(1) << 53 } },
	    4 },
	{ "receipt", on_receipt,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "token", API_TEXT, true, 20 },
		{ "status", API_TEXT, true, 32 },
		{ "connections", API_WHOLE, false, UINT32_MAX } },
	    4 },
	{ "canary", on_canary,
	    { { "holdfast", API_TEXT, true, 32 },
		{ "token", API_TEXT, true, CANARY_TOKEN_MAX } },
	    2 },
};

static const char *
text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void
bad(struct relay *relay, const struct api_fault *fault)
{
	counter_add(relay_counters(relay), COUNTER_PUSHES_BAD, 1);
	log_debug("push_refused", fault->text);
}

static void
on_replaced(struct relay *relay, const json_t *word)
{
	const char *client = text_of(word, "client_id");

	routes_replaced(&relay->routes, client, strlen(client),
	    text_of(word, "gateway_node_id"),
	    (uint64_t)json_number_value(
		json_object_get(word, "established_at")));
}

static void
on_receipt(struct relay *relay, const json_t *word)
{
	forward_receipt(relay, text_of(word, "token"), text_of(word, "status"),
	    (uint64_t)json_number_value(json_object_get(word, "connections")));
}

static void
on_canary(struct relay *relay, const json_t *word)
{
	canary_returned(&relay->canary, SLOT_PATH_CHANNEL,
	    text_of(word, "token"));
}

static void
take_word(struct relay *relay, const char *bytes, size_t len)
{
	struct api_fault fault;
	const char *name;
	json_t *json;
	size_t i;

	if (api_json_parse(bytes, len, &json, &fault) != 0) {
		bad(relay, &fault);
		return;
	}
	/* One that is not known is of a later version. */
	name = text_of(json, "holdfast");
	for (i = 0; name != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, name) != 0)
			continue;
		if (api_json_check(json, words[i].fields, words[i].field_count,
			-1, &fault) == 0)
			words[i].handler(relay, json);
		else
			bad(relay, &fault);
	}
	json_decref(json);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	(void)owner;
	(void)item;
	(void)status;
	(void)position;
}

void
pushes_take(struct relay *relay, const char *bytes, size_t len)
{
	struct delivery_order order = { on_done, NULL, 0, 0 };
	struct dispatch_body body;
	struct api_fault fault;
	size_t i;

	worker_beat(relay->worker);
	canary_heard(&relay->canary, SLOT_PATH_CHANNEL);
	if (len >= strlen(word_begin) &&
	    memcmp(bytes, word_begin, strlen(word_begin)) == 0) {
		take_word(relay, bytes, len);
		return;
	}
	counter_add(relay_counters(relay), COUNTER_PUSHES, 1);
	if (dispatch_body_parse(bytes, len, &body, &fault) != 0) {
		bad(relay, &fault);
		return;
	}
	for (i = 0; i < body.count; i++)
		(void)delivery_send(&relay->delivery, body.docs[i].target,
		    body.docs[i].target_len, body.docs[i].bytes,
		    body.docs[i].len, &order);
	dispatch_body_clear(&body);
	backplane_wake_later(&relay->backplane);
}
