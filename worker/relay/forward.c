/* SPDX-License-Identifier: ISC */
/*
 * See forward.h.  Until it is in the stream nothing has happened, and a failure
 * is "busy"; from then on nobody knows before the other node says so.
 */
#include "worker/relay/forward.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"
#include "worker/relay/relay.h"

#define NUMBER_SIZE 24

/* Only while there is room; nil: none. */
static const char add_script[] =
    "if redis.call('XLEN',KEYS[1])>=tonumber(ARGV[1]) then return false end "
    "return redis.call('XADD',KEYS[1],'*',unpack(ARGV,2))";

struct forward {
	struct relay *relay; /* borrowed */
	uint64_t token;	     /* of the delivery that waits */
	uint32_t wait_ms;
	enum inbox_kind kind;
	uint16_t code;
	char *out_node; /* borrowed while the delivery waits */
	size_t len;
	char client[RECORD_ID_MAX + 1]; /* "": all */
	char text[];			/* and its NUL */
};

static void
end(struct forward *forward, enum delivery_status status)
{
	struct relay *relay = forward->relay;
	uint64_t token = forward->token;

	relay->forward_bytes -= forward->len;
	free(forward);
	if (status != DELIVERY_PENDING)
		delivery_resolve(&relay->delivery, token, status, 0);
}

static void
on_added(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct forward *forward = arg;
	size_t len;

	if (fault == REDIS_FAULT_LOST)
		end(forward, DELIVERY_PENDING); /* "unknown" in time */
	else if (fault != REDIS_FAULT_NONE ||
	    redis_reply_text(reply, &len) == NULL)
		end(forward,
		    DELIVERY_BUSY); /* refused, or the stream is full */
	else
		end(forward, DELIVERY_PENDING);
}

static int
add(struct forward *forward)
{
	const struct settings *set = &forward->relay->worker->settings;
	char key[REDIS_NAMES_MAX], max[NUMBER_SIZE], token[NUMBER_SIZE],
	    wait[NUMBER_SIZE], code[NUMBER_SIZE];
	const char *const words[] = { "EVAL", add_script, "1", key, max, "k",
		inbox_kind_name(forward->kind), "m", forward->text, "c",
		forward->client, "n", code, "r", set->node.id, "t", token, "w",
		wait, NULL };

	redis_names_inbox(&set->redis, forward->out_node, key);
	snprintf(max, sizeof(max), "%u", set->redis.inbox_max);
	snprintf(token, sizeof(token), "%" PRIu64, forward->token);
	snprintf(wait, sizeof(wait), "%u", forward->wait_ms);
	snprintf(code, sizeof(code), "%u", forward->code);
	return backplane_command(&forward->relay->backplane, on_added, forward,
	    words);
}

static void
on_route(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct forward *forward = arg;
	struct relay *relay = forward->relay;
	const char *node;
	size_t len;

	if (!delivery_is_expected(&relay->delivery, forward->token)) {
		end(forward, DELIVERY_PENDING);
		return;
	}
	node = redis_reply_text(reply, &len);
	if (fault != REDIS_FAULT_NONE) {
		end(forward, DELIVERY_BUSY);
	} else if (node == NULL || len > ROUTE_NODE_MAX ||
	    strlen(node) != len) {
		end(forward, DELIVERY_NOT_CONNECTED);
	} else if (strcmp(node, relay->worker->settings.node.id) == 0) {
		/* stale, unless it has come this moment */
		routes_touch(&relay->routes, forward->client,
		    strlen(forward->client));
		end(forward, DELIVERY_NOT_CONNECTED);
	} else {
		memcpy(forward->out_node, node, len + 1);
		if (add(forward) != 0)
			end(forward, DELIVERY_BUSY);
	}
}

static int
ask_route(struct forward *forward)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "GET", key, NULL };

	redis_names_user_route(&forward->relay->worker->settings.redis,
	    forward->client, key);
	return backplane_command(&forward->relay->backplane, on_route, forward,
	    words);
}

/* NULL: too much is under way. */
static struct forward *
forward_new(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *node)
{
	struct forward *forward;

	/* Without the channel nobody could tell us what became of it. */
	if (!backplane_hears(&relay->backplane) ||
	    !backplane_has_room(&relay->backplane, 1) ||
	    relay->forward_bytes + what->len > FORWARD_MAX_BYTES)
		return NULL;
	forward = calloc(1, sizeof(*forward) + what->len + 1);
	if (forward == NULL)
		return NULL;
	forward->relay = relay;
	forward->wait_ms = order->wait_ms;
	forward->kind = what->kind;
	forward->code = what->code;
	forward->out_node = node;
	forward->len = what->len;
	if (what->client != NULL)
		memcpy(forward->client, what->client, what->client_len);
	if (what->len > 0)
		memcpy(forward->text, what->text, what->len);
	forward->token = delivery_expect(&relay->delivery, order,
	    what->kind == INBOX_DISPATCH || what->kind == INBOX_TEXT);
	if (forward->token == 0) {
		free(forward);
		return NULL;
	}
	relay->forward_bytes += forward->len;
	return forward;
}

static enum delivery_status
start(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *node,
    int (*first)(struct forward *))
{
	struct forward *forward = forward_new(relay, what, order, node);

	if (forward == NULL)
		return DELIVERY_BUSY;
	if (first(forward) == 0)
		return DELIVERY_PENDING;
	relay->forward_bytes -= forward->len;
	delivery_forget(&relay->delivery, forward->token);
	free(forward);
	return DELIVERY_BUSY;
}

enum delivery_status
forward_send(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *out_node)
{
	return start(relay, what, order, out_node, ask_route);
}

enum delivery_status
forward_to_node(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *node)
{
	return start(relay, what, order, node, add);
}

void
forward_receipt(struct relay *relay, const char *token, const char *status,
    uint64_t connections)
{
	enum delivery_status how = delivery_status_parse(status);
	uint64_t number;

	if (parse_u64(token, 1, UINT64_MAX, &number) == 0 &&
	    how != DELIVERY_PENDING && how != DELIVERY_STATUS_MAX)
		delivery_resolve(&relay->delivery, number, how, connections);
}
