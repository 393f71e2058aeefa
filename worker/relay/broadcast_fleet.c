/* SPDX-License-Identifier: ISC */
/*
 * See broadcast_fleet.h.  First Redis says who is in the fleet: as long as
 * that is not known nothing is sent.  Then this node's own rings take the
 * document or the order is refused; from then on each node has an end of its
 * own, and the reply tells them one by one.
 */
#include "worker/relay/broadcast_fleet.h"

#include <stdlib.h>
#include <string.h>

#include "worker/relay/broadcast.h"
#include "worker/relay/forward.h"
#include "worker/relay/relay.h"

#define MEMBERS_MAX 2000u

/* All but those that have left or are dead. */
static const char members_script[] =
    "local out={} "
    "for _,n in ipairs(redis.call('ZRANGE',KEYS[1],0,-1)) do "
    "  local s=redis.pcall('HGET',KEYS[2]..n,'state') "
    "  if type(s)=='string' and s~='left' and s~='dead' then out[#out+1]=n end "
    "end "
    "return out";

struct fleet_node {
	char id[ROUTE_NODE_MAX + 1];
	enum delivery_status status;
	uint64_t connections;
};

struct fleet_broadcast {
	struct broadcast_order order;
	uint32_t left; /* nodes; of this one: slots */
	uint32_t slots;
	uint32_t count;
	struct fleet_node *nodes; /* owned; this one is the first */
};

static const char *
status_name(enum delivery_status status)
{
	return status == DELIVERY_QUEUED ? "accepted" :
					   delivery_status_name(status);
}

static bool
is_taken(enum delivery_status status)
{
	return status == DELIVERY_DELIVERED || status == DELIVERY_QUEUED;
}

static void
put_nodes(struct textbuf *json, const struct fleet_broadcast *broadcast)
{
	const struct fleet_node *node = broadcast->nodes;
	uint32_t i;

	for (i = 0; i < broadcast->count; i++, node++) {
		textbuf_puts(json, i == 0 ? "{\"node_id\":" : ",{\"node_id\":");
		textbuf_json(json, node->id, strlen(node->id));
		textbuf_printf(json, ",\"status\":\"%s\",\"connections\":%llu}",
		    status_name(node->status),
		    (unsigned long long)node->connections);
	}
}

static void
reply(struct fleet_broadcast *broadcast)
{
	const struct fleet_node *nodes = broadcast->nodes;
	enum delivery_status worst = DELIVERY_DELIVERED;
	struct textbuf json;
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < broadcast->count; i++) {
		sum += nodes[i].connections;
		if (!is_taken(nodes[i].status) ||
		    (is_taken(worst) && nodes[i].status == DELIVERY_QUEUED))
			worst = nodes[i].status;
	}
	broadcast_put(&json, &broadcast->order,
	    is_taken(worst) ? status_name(worst) : "partial", broadcast->slots,
	    sum);
	textbuf_puts(&json, ",\"nodes\":[");
	put_nodes(&json, broadcast);
	textbuf_puts(&json, "]}");
	broadcast->order.done(broadcast->order.arg,
	    worst == DELIVERY_DELIVERED	 ? 200 :
		worst == DELIVERY_QUEUED ? 202 :
					   207,
	    &json);
	free(broadcast->nodes);
	free(broadcast);
}

static void
release(struct fleet_broadcast *broadcast)
{
	if (--broadcast->left == 0)
		reply(broadcast);
}

/* A slot of this node. */
static void
on_slot(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct fleet_broadcast *broadcast = owner;

	(void)item;
	if (is_taken(status))
		broadcast->nodes[0].connections += position;
	else
		broadcast->nodes[0].status = DELIVERY_QUEUED;
	release(broadcast);
}

static void
on_node(void *owner, uint32_t item, enum delivery_status status,
    uint64_t position)
{
	struct fleet_broadcast *broadcast = owner;

	broadcast->nodes[item].status = status;
	broadcast->nodes[item].connections = position;
	release(broadcast);
}

static void
refuse(struct fleet_broadcast *broadcast, enum delivery_status status,
    const char *why)
{
	broadcast_refuse(&broadcast->order, status, why);
	free(broadcast->nodes);
	free(broadcast);
}

static void
send_to_nodes(struct fleet_broadcast *broadcast)
{
	const struct broadcast_order *all = &broadcast->order;
	struct delivery_order order = { on_node, broadcast, 1, all->wait_ms };
	const struct forward_what what = { .kind = INBOX_BROADCAST,
		.text = all->text,
		.len = all->len };
	struct fleet_node *node;

	for (; order.item < broadcast->count; order.item++) {
		node = &broadcast->nodes[order.item];
		node->status = forward_to_node(all->relay, &what, &order,
		    node->id);
		if (node->status == DELIVERY_PENDING)
			broadcast->left++;
	}
}

static void
start(struct fleet_broadcast *broadcast)
{
	const struct broadcast_order *all = &broadcast->order;
	struct relay *relay = all->relay;
	uint64_t wait_ms = relay->worker->settings.api.request_timeout_ms;
	struct delivery_order order = { on_slot, broadcast, 0,
		all->wait_ms + (uint32_t)wait_ms };
	enum delivery_status status;

	status = delivery_broadcast(&relay->delivery, all->text, all->len,
	    &order, &broadcast->slots);
	if (status != DELIVERY_PENDING) {
		refuse(broadcast, status,
		    "a slot cannot take it now: nothing was sent");
		return;
	}
	broadcast->nodes[0].status = DELIVERY_DELIVERED;
	broadcast->left = broadcast->slots + 1;
	send_to_nodes(broadcast);
	shards_wake(&relay->shards);
	all->taken(all->arg);
	release(broadcast);
}

/* This node, and all others that Redis knows. */
static bool
take_members(struct fleet_broadcast *broadcast, const struct redisReply *reply)
{
	const char *own = broadcast->order.relay->worker->settings.node.id;
	size_t i, len, count = redis_reply_count(reply);
	const char *id;

	if (count > MEMBERS_MAX)
		return false;
	broadcast->nodes = calloc(count + 1, sizeof(*broadcast->nodes));
	if (broadcast->nodes == NULL)
		return false;
	memcpy(broadcast->nodes[0].id, own, strlen(own));
	broadcast->count = 1;
	for (i = 0; i < count; i++) {
		id = redis_reply_text(redis_reply_at(reply, i), &len);
		if (id == NULL || len == 0 || len > ROUTE_NODE_MAX ||
		    strlen(id) != len || strcmp(id, own) == 0)
			continue;
		memcpy(broadcast->nodes[broadcast->count++].id, id, len);
	}
	return true;
}

static void
on_members(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet_broadcast *broadcast = arg;

	if (fault != REDIS_FAULT_NONE)
		refuse(broadcast, DELIVERY_BUSY,
		    "Redis does not say who is in the fleet: nothing was "
		    "sent; ?scope=node sends it to this node alone");
	else if (!take_members(broadcast, reply))
		refuse(broadcast, DELIVERY_BUSY,
		    "too many nodes, or no memory");
	else
		start(broadcast);
}

static int
ask_members(struct fleet_broadcast *broadcast)
{
	struct relay *relay = broadcast->order.relay;
	const struct settings_redis *set = &relay->worker->settings.redis;
	char nodes[REDIS_NAMES_MAX], node[REDIS_NAMES_MAX];
	const char *const words[] = { "EVAL", members_script, "2", nodes, node,
		NULL };

	redis_names_fleet(set, "nodes", nodes);
	redis_names_fleet(set, "node:", node);
	return backplane_command(&relay->backplane, on_members, broadcast,
	    words);
}

void
broadcast_fleet_start(const struct broadcast_order *order)
{
	struct fleet_broadcast *broadcast = calloc(1, sizeof(*broadcast));

	if (broadcast == NULL) {
		broadcast_refuse(order, DELIVERY_BUSY, "no memory");
		return;
	}
	broadcast->order = *order;
	if (!backplane_hears(&order->relay->backplane) ||
	    ask_members(broadcast) != 0)
		refuse(broadcast, DELIVERY_BUSY,
		    "Redis cannot be reached: nothing was sent; ?scope=node "
		    "sends it to this node alone");
}
