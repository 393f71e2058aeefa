/* SPDX-License-Identifier: ISC */
/*
 * Registrations in Redis, see api_registry_fleet.h: to be found by its client
 * id, one needs a route to the node it is of.  Replies wait for Redis, for
 * redis.command_timeout at the longest.
 */
#include "worker/relay/api_registry_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "worker/relay/api_call.h"
#include "worker/relay/api_registry_live.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"

/* A gateway whose clock is ahead by more locks its clients out elsewhere. */
#define SKEW_MS 60000u

struct lookup {
	struct api_call *call; /* owned until the reply */
	bool is_delete;
	struct route_claim claim;
	uint64_t established_ms; /* with registration */
	char node[ROUTE_NODE_MAX + 1];
	char registration[REGISTRATION_MAX + 1];
};

static struct lookup *
lookup_new(struct api_call *call)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL) {
		api_reply_busy(call, "no memory");
		return NULL;
	}
	lookup->call = call;
	lookup->claim.relay = call->relay;
	lookup->claim.node = lookup->node;
	lookup->claim.arg = lookup;
	return lookup;
}

static void
reply_fault(struct lookup *lookup, int status, const char *code,
    const char *text)
{
	struct api_fault fault;

	api_fault_set(&fault, status, code, "%s", text);
	api_reply_fault(lookup->call, &fault);
	free(lookup);
}

static void
reply_away(struct lookup *lookup, enum redis_fault fault)
{
	char text[80];

	snprintf(text, sizeof(text), "Redis did not answer: %s",
	    redis_fault_name(fault));
	reply_fault(lookup, 503, "busy", text);
}

static void
reply_done(struct lookup *lookup, const char *status)
{
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, "{\"client_id\":");
	textbuf_json(&json, lookup->claim.client, lookup->claim.client_len);
	if (!lookup->is_delete) {
		textbuf_puts(&json, ",\"gateway_node_id\":");
		textbuf_json(&json, lookup->node, strlen(lookup->node));
	}
	textbuf_printf(&json, ",\"status\":\"%s\"}", status);
	api_reply(lookup->call, 200, &json);
	free(lookup);
}

/* ---- register */

static void
on_registered(struct route_claim *claim, enum route_end how, void *arg)
{
	struct lookup *lookup = arg;

	if (how == ROUTE_TAKEN)
		reply_done(lookup, "registered");
	else if (how == ROUTE_LOST)
		reply_fault(lookup, 409, "replaced",
		    "a newer connection of that client is registered");
	else
		reply_away(lookup, claim->fault);
}

/* The document with the time that it is compared by; NULL: no memory. */
static char *
registration_text(const json_t *body, uint64_t *out_ms)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)body);
	const json_t *when = json_object_get(copy, "established_at");
	uint64_t ms = clock_real_ms();
	char *text;

	/* All numbers were read as reals. */
	if (json_is_real(when))
		ms = (uint64_t)json_real_value(when);
	if (copy != NULL && !json_is_string(when))
		json_object_set_new(copy, "established_at",
		    json_integer((json_int_t)ms));
	text = json_dumps(copy, JSON_COMPACT);
	json_decref(copy);
	if (text != NULL &&
	    registration_established(text, strlen(text), &ms) == 0)
		*out_ms = ms;
	return text;
}

/* Nodes of the fleet leave a mark: they alone know who is connected to them,
 * and a route there would close the connection that a client has. */
static void
on_register_mark(const struct redisReply *reply, enum redis_fault fault,
    void *arg)
{
	struct lookup *lookup = arg;

	if (fault != REDIS_FAULT_NONE)
		reply_away(lookup, fault);
	else if (!redis_reply_is_nil(reply))
		reply_fault(lookup, 409, "not_foreign",
		    "that is a node of this fleet, which registers its clients "
		    "itself");
	else if (route_claim_take(&lookup->claim, lookup->registration,
		     lookup->established_ms) != 0)
		reply_away(lookup, REDIS_FAULT_LOST);
}

static int ask_mark(struct lookup *, redis_link_cb *);

void
api_registry_fleet_register(struct api_call *call, const json_t *body)
{
	const char *client, *node;
	struct lookup *lookup = lookup_new(call);
	char *text;

	if (lookup == NULL)
		return;
	client = json_string_value(json_object_get(body, "client_id"));
	node = json_string_value(json_object_get(body, "gateway_node_id"));
	text = registration_text(body, &lookup->established_ms);
	if (text == NULL || strlen(text) > REGISTRATION_MAX ||
	    strlen(node) > ROUTE_NODE_MAX) {
		free(text);
		reply_fault(lookup, 413, "body_too_large",
		    "a registration has at most 4096 bytes, and a node id "
		    "127");
		return;
	}
	memcpy(lookup->registration, text, strlen(text));
	free(text);
	if (lookup->established_ms > clock_real_ms() + SKEW_MS) {
		reply_fault(lookup, 400, "bad_field",
		    "field 'established_at' is more than a minute ahead of "
		    "this node's clock");
		return;
	}
	memcpy(lookup->node, node, strlen(node));
	memcpy(lookup->claim.client, client, strlen(client));
	lookup->claim.client_len = (uint32_t)strlen(client);
	lookup->claim.on_end = on_registered;
	if (ask_mark(lookup, on_register_mark) != 0)
		reply_away(lookup, REDIS_FAULT_LOST);
}

/* ---- ask and forget */

static void
reply_unknown(struct lookup *lookup)
{
	reply_fault(lookup, 404, "not_connected",
	    "no node of the fleet has registered this client");
}

static void
on_forgotten(struct route_claim *claim, enum route_end how, void *arg)
{
	struct lookup *lookup = arg;

	if (how == ROUTE_GONE)
		reply_done(lookup, "removed");
	else
		reply_away(lookup, claim->fault);
}

static void
reply_registration(struct lookup *lookup)
{
	struct textbuf json;

	textbuf_init(&json, API_REPLY_MAX);
	textbuf_puts(&json, lookup->registration);
	api_reply(lookup->call, 200, &json);
	free(lookup);
}

/* A node of the fleet can be asked for what is not in Redis. */
static void
on_get_mark(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct lookup *lookup = arg;

	if (fault != REDIS_FAULT_NONE || redis_reply_is_nil(reply)) {
		reply_registration(lookup);
		return;
	}
	api_registry_live(lookup->call, lookup->node, lookup->registration);
	free(lookup);
}

static void
on_registration(const struct redisReply *reply, enum redis_fault fault,
    void *arg)
{
	struct lookup *lookup = arg;
	uint64_t unused_ms;
	const char *text;
	size_t len;

	if (fault != REDIS_FAULT_NONE) {
		reply_away(lookup, fault);
		return;
	}
	text = redis_reply_text(reply, &len);
	if (text == NULL || strlen(text) != len ||
	    registration_established(text, len, &unused_ms) != 0) {
		reply_unknown(lookup);
		return;
	}
	memcpy(lookup->registration, text, len);
	if (ask_mark(lookup, on_get_mark) != 0)
		reply_registration(lookup);
}

static int
ask_registration(struct lookup *lookup)
{
	struct relay *relay = lookup->call->relay;
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HGET", key, lookup->claim.client, NULL };

	redis_names_node_clients(&relay->worker->settings.redis, lookup->node,
	    key);
	return backplane_command(&relay->backplane, on_registration, lookup,
	    words);
}

/* Routes of a node of the fleet are its own to remove. */
static void
on_delete_mark(const struct redisReply *reply, enum redis_fault fault,
    void *arg)
{
	struct lookup *lookup = arg;

	if (fault != REDIS_FAULT_NONE)
		reply_away(lookup, fault);
	else if (!redis_reply_is_nil(reply))
		reply_fault(lookup, 409, "connected",
		    "the client is connected to a node of the fleet: POST "
		    "/api/v1/gateway/disconnect ends that");
	else if (route_claim_give_back(&lookup->claim) != 0)
		reply_away(lookup, REDIS_FAULT_LOST);
}

static int
ask_mark(struct lookup *lookup, redis_link_cb *cb)
{
	struct relay *relay = lookup->call->relay;
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "GET", key, NULL };

	redis_names_routes_mark(&relay->worker->settings.redis, lookup->node,
	    key);
	return backplane_command(&relay->backplane, cb, lookup, words);
}

static void
on_route(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct lookup *lookup = arg;
	struct relay *relay = lookup->call->relay;
	const char *node;
	size_t len;

	if (fault != REDIS_FAULT_NONE) {
		reply_away(lookup, fault);
		return;
	}
	node = redis_reply_text(reply, &len);
	if (node == NULL || len > ROUTE_NODE_MAX || strlen(node) != len) {
		reply_unknown(lookup);
		return;
	}
	if (strcmp(node, relay->worker->settings.node.id) == 0) {
		/* stale: the tables have been asked */
		routes_touch(&relay->routes, lookup->claim.client,
		    lookup->claim.client_len);
		reply_unknown(lookup);
		return;
	}
	memcpy(lookup->node, node, len + 1);
	if ((lookup->is_delete ? ask_mark(lookup, on_delete_mark) :
				 ask_registration(lookup)) != 0)
		reply_away(lookup, REDIS_FAULT_LOST);
}

static void
ask(struct api_call *call, bool is_delete)
{
	struct relay *relay = call->relay;
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "GET", key, NULL };
	struct lookup *lookup = lookup_new(call);

	if (lookup == NULL)
		return;
	lookup->is_delete = is_delete;
	lookup->claim.on_end = on_forgotten;
	memcpy(lookup->claim.client, call->client_id, call->client_id_len + 1);
	lookup->claim.client_len = (uint32_t)call->client_id_len;
	redis_names_user_route(&relay->worker->settings.redis, call->client_id,
	    key);
	if (backplane_command(&relay->backplane, on_route, lookup, words) != 0)
		reply_away(lookup, REDIS_FAULT_LOST);
}

void
api_registry_fleet_get(struct api_call *call)
{
	ask(call, false);
}

void
api_registry_fleet_delete(struct api_call *call)
{
	ask(call, true);
}
