/* SPDX-License-Identifier: ISC */
/*
 * `holdfastctl where` for a client that is not connected here: its route, and
 * as the text of the reply what its node has registered.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/relay/operator.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"

struct where {
	struct relay *relay; /* borrowed */
	uint64_t id;
	char client[RECORD_ID_MAX + 1];
	char node[ROUTE_NODE_MAX + 1];
};

static void
end(struct where *where, const char *status, const char *text)
{
	operator_reply(where->relay, where->id, status, text,
	    where->node[0] != '\0' ? where->node : NULL);
	free(where);
}

static void
on_registration(const struct redisReply *reply, enum redis_fault fault,
    void *arg)
{
	struct where *where = arg;
	uint64_t unused_ms;
	const char *text;
	size_t len;

	if (fault != REDIS_FAULT_NONE) {
		end(where, "busy", "Redis did not answer");
		return;
	}
	text = redis_reply_text(reply, &len);
	if (text == NULL || len > REGISTRATION_MAX || strlen(text) != len ||
	    registration_established(text, len, &unused_ms) != 0)
		text = NULL;
	end(where, "connected", text);
}

static void
on_route(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct where *where = arg;
	const char *node;
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HGET", key, where->client, NULL };
	size_t len;

	if (fault != REDIS_FAULT_NONE) {
		end(where, "busy", "Redis did not answer");
		return;
	}
	node = redis_reply_text(reply, &len);
	if (node == NULL || len > ROUTE_NODE_MAX || strlen(node) != len) {
		end(where, "not_connected", NULL);
		return;
	}
	if (strcmp(node, where->relay->worker->settings.node.id) == 0) {
		/* stale: the tables have been asked */
		routes_touch(&where->relay->routes, where->client,
		    strlen(where->client));
		end(where, "not_connected", NULL);
		return;
	}
	memcpy(where->node, node, len + 1);
	redis_names_node_clients(&where->relay->worker->settings.redis, node,
	    key);
	if (backplane_command(&where->relay->backplane, on_registration, where,
		words) != 0)
		end(where, "busy", "Redis cannot be reached");
}

void
operator_where(struct relay *relay, uint64_t id, const char *client)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "GET", key, NULL };
	struct where *where;

	if (!backplane_is_on(&relay->backplane)) {
		operator_reply(relay, id, "not_connected", NULL, NULL);
		return;
	}
	where = calloc(1, sizeof(*where));
	if (where == NULL) {
		operator_reply(relay, id, "busy", "no memory", NULL);
		return;
	}
	where->relay = relay;
	where->id = id;
	memcpy(where->client, client, strlen(client));
	redis_names_user_route(&relay->worker->settings.redis, client, key);
	if (backplane_command(&relay->backplane, on_route, where, words) != 0)
		end(where, "busy", "Redis cannot be reached");
}
