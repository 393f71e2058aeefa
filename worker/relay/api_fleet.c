/* SPDX-License-Identifier: ISC */
/*
 * GET /api/v1/fleet/nodes: all nodes as the leader has published them, asked of
 * Redis for each call; of this node alone with ?scope=node and without a fleet.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"
#include "worker/relay/api_call.h"
#include "worker/relay/fleet_nodes.h"
#include "worker/relay/relay.h"

static const char summary_script[] =
    "local t=redis.call('TIME') "
    "local h=redis.call('HMGET',KEYS[1],'nodes','at') "
    "return {t[1]*1000+math.floor(t[2]/1000),h[1] or '',h[2] or ''}";

static struct fleet_nodes_own
own_node(const struct worker *worker)
{
	const struct node_shared *shared = worker->node.shared;
	struct fleet_nodes_own own = {
		.id = worker->settings.node.id,
		.region = worker->settings.node.region,
		.is_draining = atomic_load(&shared->draining) != 0,
		.connections = node_connections(&worker->node),
		.limit = atomic_load(&shared->capacity),
		.slots = shared->slots,
		.incarnation = atomic_load(&shared->incarnation),
	};
	uint32_t slot;

	for (slot = 0; slot < SLOT_MAX_WORKERS; slot++)
		own.open += atomic_load_explicit(&shared->slot[slot].open,
		    memory_order_relaxed);
	return own;
}

/* Takes the list; NULL: there is none. */
static void
reply(struct api_call *call, json_t *list)
{
	char *text = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(6));
	struct textbuf json;

	json_decref(list);
	textbuf_init(&json, API_REPLY_MAX);
	if (text == NULL) {
		api_reply_busy(call,
		    "no leader has published a list of nodes yet; ?scope=node "
		    "tells of this node alone");
		return;
	}
	textbuf_puts(&json, text);
	free(text);
	api_reply(call, 200, &json);
}

static uint64_t
age_of(const struct redisReply *reply)
{
	int64_t now = redis_reply_integer(redis_reply_at(reply, 0), 0);
	const char *text = redis_reply_text(redis_reply_at(reply, 2), NULL);
	uint64_t at;

	if (text == NULL || parse_u64(text, 0, INT64_MAX, &at) != 0 ||
	    now < (int64_t)at)
		return 0;
	return (uint64_t)now - at;
}

static void
on_summary(const struct redisReply *summary, enum redis_fault fault, void *arg)
{
	struct api_call *call = arg;
	struct fleet_nodes_own own = own_node(call->relay->worker);
	const char *nodes;
	size_t len = 0;
	char text[128];

	if (fault != REDIS_FAULT_NONE) {
		(void)snprintf(text, sizeof(text),
		    "Redis did not answer: %s; ?scope=node tells of this node "
		    "alone",
		    redis_fault_name(fault));
		api_reply_busy(call, text);
		return;
	}
	nodes = redis_reply_text(redis_reply_at(summary, 1), &len);
	reply(call,
	    nodes == NULL ? NULL :
			    fleet_nodes_all(&own, nodes, len, age_of(summary)));
}

static int
ask(struct api_call *call)
{
	struct relay *relay = call->relay;
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "EVAL", summary_script, "1", key, NULL };

	redis_names_fleet(&relay->worker->settings.redis, "summary", key);
	return backplane_command(&relay->backplane, on_summary, call, words);
}

void
api_fleet_nodes_get(struct api_call *call)
{
	struct fleet_nodes_own own = own_node(call->relay->worker);

	if (!backplane_is_on(&call->relay->backplane) || call->is_node_scope)
		reply(call, fleet_nodes_alone(&own));
	else if (ask(call) != 0)
		api_reply_busy(call,
		    "Redis cannot be reached; ?scope=node tells of this node "
		    "alone");
}
