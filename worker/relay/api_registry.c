/* SPDX-License-Identifier: ISC */
/*
 * POST /api/v1/registry/register, GET and DELETE /api/v1/registry/CLIENT.
 */
#include "worker/relay/api_registry.h"

#include <errno.h>
#include <string.h>

#include "worker/relay/api_call.h"
#include "worker/relay/api_registry_fleet.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"

static const struct api_field register_fields[] = {
	{ "client_id", API_CLIENT_ID, true, 0 },
	{ "gateway_node_id", API_TEXT, true, API_TEXT_MAX },
	{ "connection_status", API_TEXT, false, 32 },
	{ "ip_address", API_ADDRESS, false, 0 },
	{ "established_at", API_TIME, false, 0 },
	{ "ping_latency_ms", API_NUMBER, false, 3600000 },
};

int
api_registry_init(struct api_registry *registry)
{
	registry->bytes = 0;
	registry->foreign = json_object();
	return registry->foreign == NULL ? -ENOMEM : 0;
}

int
api_registry_put(struct api_registry *registry, const char *client_id,
    const char *text, size_t len)
{
	const json_t *old = json_object_get(registry->foreign, client_id);
	size_t old_len = json_string_length(old);

	if (len > API_REGISTRY_MAX_BODY ||
	    registry->bytes - old_len + len > API_REGISTRY_MAX_BYTES)
		return -ENOSPC;
	if (old == NULL &&
	    json_object_size(registry->foreign) >= API_REGISTRY_MAX)
		return -ENOSPC;
	if (json_object_set_new(registry->foreign, client_id,
		json_stringn(text, len)) != 0)
		return -ENOMEM;
	registry->bytes = registry->bytes - old_len + len;
	return 0;
}

/* A member of an object with the name's quotes and colon. */
static void
put_text(struct textbuf *json, const char *name, const char *value)
{
	textbuf_printf(json, "\"%s\":", name);
	textbuf_json(json, value, strlen(value));
	textbuf_putc(json, ',');
}

/* What the tables know of a client that is connected here. */
static void
reply_live(struct api_call *call, const struct record_view *view)
{
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	registration_put(&json, call->relay->worker->settings.node.id, view);
	api_reply(call, 200, &json);
}

/* 1: connected here, *out_view; 0: not; -1: unknown now, replied to. */
static int
find_live(struct api_call *call, const char *id, size_t len,
    struct record_view *out_view)
{
	uint32_t slot;
	int rc;

	rc = shards_find(&call->relay->shards, id, len, &slot, out_view);
	if (rc == -EAGAIN) {
		api_reply_busy(call, "the table is being written");
		return -1;
	}
	return rc == 0 ? 1 : 0;
}

static void
reply_fault(struct api_call *call, int status, const char *code,
    const char *text)
{
	struct api_fault fault;

	api_fault_set(&fault, status, code, "%s", text);
	api_reply_fault(call, &fault);
}

/* Keeps what a foreign gateway says: true, or false when replied to. */
static bool
register_foreign(struct api_call *call, const char *id)
{
	int rc;

	if (call->body_len > API_REGISTRY_MAX_BODY) {
		reply_fault(call, 413, "body_too_large",
		    "a registration has at most 4096 bytes");
		return false;
	}
	rc = api_registry_put(&call->api->registry, id, call->body,
	    call->body_len);
	if (rc != 0)
		api_reply_busy(call,
		    rc == -ENOSPC ? "the registry is full" : "no memory");
	return rc == 0;
}

/* This node's tables are the truth about it. */
static bool
register_own(struct api_call *call, const char *id)
{
	struct record_view view;
	int live = find_live(call, id, strlen(id), &view);

	if (live == 0)
		reply_fault(call, 409, "not_connected",
		    "this node has no connection of that client");
	return live == 1;
}

void
api_registry_post(struct api_call *call)
{
	const char *own = call->relay->worker->settings.node.id;
	struct textbuf json;
	const char *id, *node;
	json_t *body;

	body = api_call_json(call, register_fields,
	    sizeof(register_fields) / sizeof(register_fields[0]));
	if (body == NULL)
		return;
	id = json_string_value(json_object_get(body, "client_id"));
	node = json_string_value(json_object_get(body, "gateway_node_id"));
	if (strcmp(node, own) != 0 &&
	    backplane_is_on(&call->relay->backplane)) {
		api_registry_fleet_register(call, body);
		json_decref(body);
		return;
	}
	if (strcmp(node, own) == 0 ? register_own(call, id) :
				     register_foreign(call, id)) {
		textbuf_init(&json, API_REPLY_MAX);
		textbuf_putc(&json, '{');
		put_text(&json, "client_id", id);
		put_text(&json, "gateway_node_id", node);
		textbuf_puts(&json, "\"status\":\"registered\"}");
		api_reply(call, 200, &json);
	}
	json_decref(body);
}

void
api_registry_get(struct api_call *call)
{
	struct record_view view;
	const json_t *foreign;
	struct textbuf json;
	int live;

	live = find_live(call, call->client_id, call->client_id_len, &view);
	if (live == 1)
		reply_live(call, &view);
	if (live != 0)
		return;
	if (backplane_is_on(&call->relay->backplane)) {
		api_registry_fleet_get(call);
		return;
	}
	foreign = json_object_get(call->api->registry.foreign, call->client_id);
	if (foreign == NULL) {
		reply_fault(call, 404, "not_connected",
		    "this client is not connected here, and no other gateway "
		    "has registered it");
		return;
	}
	textbuf_init(&json, API_REPLY_MAX);
	textbuf_append(&json, json_string_value(foreign),
	    json_string_length(foreign));
	api_reply(call, 200, &json);
}

void
api_registry_delete(struct api_call *call)
{
	struct api_registry *registry = &call->api->registry;
	struct record_view view;
	const json_t *foreign;
	struct textbuf json;
	int live;

	foreign = json_object_get(registry->foreign, call->client_id);
	if (foreign != NULL) {
		registry->bytes -= json_string_length(foreign);
		json_object_del(registry->foreign, call->client_id);
		textbuf_init(&json, API_REPLY_MAX);
		textbuf_putc(&json, '{');
		put_text(&json, "client_id", call->client_id);
		textbuf_puts(&json, "\"status\":\"removed\"}");
		api_reply(call, 200, &json);
		return;
	}
	live = find_live(call, call->client_id, call->client_id_len, &view);
	if (live == 1)
		reply_fault(call, 409, "connected",
		    "the client is connected to this node: POST "
		    "/api/v1/gateway/disconnect ends that");
	else if (live == 0 && backplane_is_on(&call->relay->backplane))
		api_registry_fleet_delete(call);
	else if (live == 0)
		reply_fault(call, 404, "not_connected",
		    "no other gateway has registered this client");
}
