/* SPDX-License-Identifier: ISC */
/*
 * The registry over HTTP (register, get, delete) and POST disconnect.  Clients
 * of this node are read from the tables; what the API was told counts only for
 * clients of other gateways.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/clock.h"
#include "worker/relay/api_call.h"
#include "worker/relay/operator.h"
#include "worker/relay/relay.h"

#define REASON_MAX 123u

static const struct api_field register_fields[] = {
	{ "client_id", API_CLIENT_ID, true, 0 },
	{ "gateway_node_id", API_TEXT, true, API_TEXT_MAX },
	{ "connection_status", API_TEXT, false, API_TEXT_MAX },
	{ "ip_address", API_ADDRESS, false, 0 },
	{ "established_at", API_TIME, false, 0 },
	{ "ping_latency_ms", API_NUMBER, false, 86400000 },
};

static const struct api_field disconnect_fields[] = {
	{ "target_client_id", API_CLIENT_ID, true, 0 },
	{ "code", API_WHOLE, false, 4999 },
	{ "reason", API_TEXT_OR_EMPTY, false, REASON_MAX },
};

#define FIELDS(f) (f), sizeof(f) / sizeof((f)[0])

static const char *
own_node(const struct api_call *call)
{
	return call->api->relay->worker->settings.node.id;
}

/* The register payload of a client of this node, from its record. */
static json_t *
describe(const struct api_call *call, const struct record_view *view)
{
	const struct record_body *b = &view->body;
	char when[CLOCK_RFC3339_SIZE], address[IPADDR_TEXT_SIZE];
	struct ipaddr addr;

	memcpy(addr.bytes, b->addr, sizeof(addr.bytes));
	(void)ipaddr_format(&addr, address);
	if (clock_rfc3339_format(b->established_us / 1000, when,
		sizeof(when)) == 0)
		when[0] = '\0';
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "client_id",
	    view->id, "gateway_node_id", own_node(call), "connection_status",
	    "connected", "ip_address", address, "established_at", when,
	    "ping_latency_ms",
	    b->ping_latency_us != 0 ? json_real(b->ping_latency_us / 1000.0) :
				      json_null());
}

/* 0: connected here; otherwise answered unless -ENOENT. */
static int
find_here(const struct api_call *call, const char *id,
    struct record_view *out_view)
{
	uint32_t slot;
	int rc = shards_find(&call->api->relay->shards, id, strlen(id), &slot,
	    out_view);

	if (rc != 0 && rc != -ENOENT)
		api_call_fault(call, 503, "busy",
		    "the registry is changing too fast, try again");
	return rc;
}

void
api_register(const struct api_call *call)
{
	struct record_view view;
	struct api_fault fault;
	json_t *root;
	const char *id, *node;
	int rc;

	if (api_json_parse(call->body, call->len, &root, &fault) != 0) {
		api_call_refuse(call, &fault);
		return;
	}
	if (api_json_check(root, FIELDS(register_fields), -1, &fault) != 0) {
		json_decref(root);
		api_call_refuse(call, &fault);
		return;
	}
	id = json_string_value(json_object_get(root, "client_id"));
	node = json_string_value(json_object_get(root, "gateway_node_id"));
	rc = strcmp(node, own_node(call)) == 0 ?
	    find_here(call, id, &view) :
	    api_registry_put(&call->api->registry, id, json_incref(root));
	if (rc == 0)
		api_call_reply(call, 200,
		    json_pack("{s:s, s:s, s:s}", "client_id", id,
			"gateway_node_id", node, "status", "registered"));
	else if (rc == -ENOENT)
		api_call_fault(call, 409, "not_connected",
		    "this node has no connection of that client");
	else if (rc == -ENOSPC || rc == -ENOMEM)
		api_call_fault(call, 503, "full",
		    "no room for more registrations");
	json_decref(root);
}

void
api_client_get(const struct api_call *call)
{
	struct record_view view;
	json_t *foreign;
	int rc = find_here(call, call->client_id, &view);

	if (rc == 0) {
		api_call_reply(call, 200, describe(call, &view));
		return;
	}
	if (rc != -ENOENT)
		return;
	foreign = api_registry_get(&call->api->registry, call->client_id);
	if (foreign != NULL)
		api_call_reply(call, 200, json_incref(foreign));
	else
		api_call_fault(call, 404, "not_connected",
		    "nobody knows a connection of that client");
}

void
api_client_delete(const struct api_call *call)
{
	struct record_view view;
	int rc = find_here(call, call->client_id, &view);

	if (rc == 0) {
		api_call_fault(call, 409, "connected",
		    "the client is connected here; use gateway/disconnect");
		return;
	}
	if (rc != -ENOENT)
		return;
	if (api_registry_remove(&call->api->registry, call->client_id) == 0)
		api_call_reply(call, 200,
		    json_pack("{s:s, s:s}", "client_id", call->client_id,
			"status", "removed"));
	else
		api_call_fault(call, 404, "not_connected",
		    "nobody knows a connection of that client");
}

struct disconnect {
	struct api_call call;
	char client_id[API_CLIENT_ID_MAX + 1];
};

static void
tell(struct disconnect *d, enum delivery_status how)
{
	switch (how) {
	case DELIVERY_DELIVERED:
	case DELIVERY_QUEUED:
		api_call_reply(&d->call, 200,
		    json_pack("{s:s, s:s}", "target_client_id", d->client_id,
			"status", "disconnected"));
		break;
	case DELIVERY_NOT_CONNECTED:
		api_call_fault(&d->call, 404, "not_connected",
		    "this node has no connection of that client");
		break;
	case DELIVERY_BUSY:
		api_call_fault(&d->call, 503, "busy", "try again");
		break;
	default:
		api_call_fault(&d->call, 504, "unknown",
		    "the gateway did not answer in time");
		break;
	}
	free(d);
}

static void
on_done(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	(void)item;
	(void)position;
	tell(owner, status);
}

static void
disconnect(const struct api_call *call, const json_t *root)
{
	const json_t *code = json_object_get(root, "code");
	const json_t *reason = json_object_get(root, "reason");
	const char *id = json_string_value(
	    json_object_get(root, "target_client_id"));
	struct delivery_order order = { .on_done = on_done };
	enum delivery_status status;
	struct disconnect *d;
	uint32_t close_code = code != NULL ?
	    (uint32_t)json_integer_value(code) :
	    OPERATOR_KICK_CODE;

	if (!api_close_code_ok(close_code)) {
		api_call_fault(call, 400, "bad_code",
		    "close codes are 1000, 1001, 1008, 1011, 1012, 1013 and "
		    "3000 to 4999");
		return;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL) {
		api_call_fault(call, 503, "busy", "no memory");
		return;
	}
	d->call = *call;
	memcpy(d->client_id, id, strlen(id) + 1);
	order.owner = d;
	status = delivery_kick(&call->api->relay->delivery, id, strlen(id),
	    (uint16_t)close_code,
	    reason != NULL ? json_string_value(reason) : "", &order);
	if (status != DELIVERY_PENDING)
		tell(d, status);
}

void
api_disconnect(const struct api_call *call)
{
	struct api_fault fault;
	json_t *root;

	if (api_json_parse(call->body, call->len, &root, &fault) != 0) {
		api_call_refuse(call, &fault);
		return;
	}
	if (api_json_check(root, FIELDS(disconnect_fields), -1, &fault) != 0)
		api_call_refuse(call, &fault);
	else
		disconnect(call, root);
	json_decref(root);
}
