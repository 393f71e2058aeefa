/* SPDX-License-Identifier: ISC */
/*
 * `holdfastctl where` for a client that is not connected here: its route says
 * which node has it, and that node is asked for its row.  When it does not
 * answer in time there is yet what it has registered.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/conn_row.h"
#include "worker/relay/forward.h"
#include "worker/relay/operator.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"

struct where {
	struct relay *relay; /* borrowed */
	uint64_t id;
	char client[RECORD_ID_MAX + 1];
	char node[ROUTE_NODE_MAX + 1];
	char registered[REGISTRATION_MAX + 1]; /* "": not known */
};

static void
end(struct where *where, const char *status, const char *text)
{
	operator_reply(where->relay, where->id, status, text,
	    where->node[0] != '\0' ? where->node : NULL);
	free(where);
}

static void
end_registered(struct where *where)
{
	end(where, "registered",
	    where->registered[0] != '\0' ? where->registered : NULL);
}

static void
on_row(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct where *where = owner;
	const char *row = where->relay->receipt_row;

	(void)item;
	(void)position;
	if (status == DELIVERY_NOT_CONNECTED)
		end(where, "not_connected", NULL);
	else if (status == DELIVERY_DELIVERED && row != NULL &&
	    strlen(row) <= CONN_ROW_MAX)
		end(where, "connected", row);
	else
		end_registered(where);
}

static void
ask_owner(struct where *where)
{
	const struct delivery_order order = { on_row, where, 0, 0 };
	const struct forward_what what = { .kind = INBOX_WHERE,
		.client = where->client,
		.client_len = strlen(where->client),
		.text = "" };

	if (forward_to_node(where->relay, &what, &order, where->node) !=
	    DELIVERY_PENDING)
		end_registered(where);
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
	if (text != NULL && len <= REGISTRATION_MAX && strlen(text) == len &&
	    registration_established(text, len, &unused_ms) == 0)
		memcpy(where->registered, text, len);
	ask_owner(where);
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
