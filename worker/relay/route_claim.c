/* SPDX-License-Identifier: ISC */
/*
 * The steps of a route (see route_claim.h).
 *
 * Take: HSET the registration; SET NX GET the route.  It was free or ours:
 * taken.  It is another node's: HGET what that node has registered.  Nothing:
 * the route is stale.  Something newer: lost.  Else the route is changed from
 * that node to ours if it still is that node's, which is told by its channel;
 * if it has changed meanwhile all begins again.
 *
 * Scripts are sent as text each time, being shorter than what NOSCRIPT would
 * make us do; Redis keeps them by their text.
 */
#include "worker/relay/route_claim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/textbuf.h"
#include "worker/relay/registration.h"
#include "worker/relay/relay.h"

#define MAX_TRIES    5u
#define REPLACED_MAX 1024u

static const char change_script[] =
    "if redis.call('GET',KEYS[1])==ARGV[1] then "
    "if ARGV[4]~='' then redis.call('PUBLISH',ARGV[3],ARGV[4]) end "
    "redis.call('SET',KEYS[1],ARGV[2]) return 1 end return 0";
static const char delete_script[] =
    "if redis.call('GET',KEYS[1])==ARGV[1] then "
    "return redis.call('DEL',KEYS[1]) end return 0";

static int try(struct route_claim *);

static const struct settings_redis *
names(const struct route_claim *claim)
{
	return &claim->relay->worker->settings.redis;
}

static int
ask_redis(const struct route_claim *claim, redis_link_cb *cb,
    const char *const *words)
{
	return backplane_command(&claim->relay->backplane, cb,
	    (void *)(uintptr_t)claim, words);
}

static void
end(struct route_claim *claim, enum route_end how)
{
	crash_mark();
	claim->on_end(claim, how, claim->arg);
}

static void
fail(struct route_claim *claim, enum redis_fault fault)
{
	claim->fault = fault;
	end(claim, ROUTE_FAILED);
}

/* A step could not even be sent. */
static void
step(struct route_claim *claim, int rc)
{
	if (rc != 0)
		fail(claim, REDIS_FAULT_LOST);
}

/* The reply to the first of two commands; the second one's ends the claim. */
static void
first_reply(struct route_claim *claim, enum redis_fault fault)
{
	claim->fault = fault;
	if (claim->is_alone)
		fail(claim, REDIS_FAULT_LOST);
}

/* ---- what node-clients has */

void
route_claim_drop_registration(struct relay *relay, const char *node,
    const char *client)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HDEL", key, client, NULL };

	/* If it is lost the next comparison with the tables finds it. */
	redis_names_node_clients(&relay->worker->settings.redis, node, key);
	backplane_tell(&relay->backplane, words);
}

static void
on_registered(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct route_claim *claim = arg;

	(void)reply;
	first_reply(claim, fault);
}

/* ---- winning */

/* The rival's node closes the connection that is older.  If it misses this, it
 * was away, and compares its tables with Redis when it is back. */
static void
put_replaced(const struct route_claim *claim, struct textbuf *json)
{
	textbuf_puts(json, "{\"holdfast\":\"replaced\",\"client_id\":");
	textbuf_json(json, claim->client, claim->client_len);
	textbuf_puts(json, ",\"gateway_node_id\":");
	textbuf_json(json, claim->node, strlen(claim->node));
	textbuf_printf(json, ",\"established_at\":%" PRIu64 "}",
	    claim->established_ms);
}

static void
on_changed(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct route_claim *claim = arg;

	if (fault != REDIS_FAULT_NONE) {
		fail(claim, fault);
	} else if (redis_reply_integer(reply, 0) == 1) {
		end(claim, ROUTE_TAKEN);
	} else if (++claim->tries >= MAX_TRIES) {
		fail(claim, REDIS_FAULT_BUSY);
	} else {
		step(claim, try(claim));
	}
}

/* In one step with the change: when only the reply to it is lost, the route is
 * found to be ours, and nobody would tell the rival any more. */
static int
change(struct route_claim *claim)
{
	char key[REDIS_NAMES_MAX], channel[REDIS_NAMES_MAX];
	const char *words[] = { "EVAL", change_script, "1", key, claim->rival,
		claim->node, channel, "", NULL };
	struct textbuf json;
	int rc;

	textbuf_init(&json, REPLACED_MAX);
	if (claim->rival_is_known) {
		put_replaced(claim, &json);
		words[7] = textbuf_text(&json);
	}
	redis_names_user_route(names(claim), claim->client, key);
	redis_names_channel(names(claim), claim->rival, channel);
	rc = textbuf_error(&json);
	if (rc == 0)
		rc = ask_redis(claim, on_changed, words);
	textbuf_clear(&json);
	return rc;
}

/* ---- a rival */

static void
on_rival(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct route_claim *claim = arg;
	const char *text;
	size_t len;

	if (fault != REDIS_FAULT_NONE) {
		fail(claim, fault);
		return;
	}
	text = redis_reply_text(reply, &len);
	claim->rival_is_known = text != NULL;
	claim->rival_ms = 0;
	/* One that makes no sense is as good as none. */
	if (text != NULL &&
	    registration_established(text, len, &claim->rival_ms) == 0 &&
	    registration_gives_way(claim->established_ms, claim->node,
		claim->rival_ms, claim->rival)) {
		route_claim_drop_registration(claim->relay, claim->node,
		    claim->client);
		end(claim, ROUTE_LOST);
		return;
	}
	step(claim, change(claim));
}

static int
ask_rival(struct route_claim *claim)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HGET", key, claim->client, NULL };

	redis_names_node_clients(names(claim), claim->rival, key);
	return ask_redis(claim, on_rival, words);
}

static void
on_route(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct route_claim *claim = arg;
	const char *text;
	size_t len;

	if (fault == REDIS_FAULT_NONE)
		fault = claim->fault;
	if (fault != REDIS_FAULT_NONE) {
		fail(claim, fault);
		return;
	}
	text = redis_reply_text(reply, &len);
	if (redis_reply_is_nil(reply) || redis_reply_is(reply, claim->node)) {
		end(claim, ROUTE_TAKEN);
	} else if (text == NULL || len > ROUTE_NODE_MAX ||
	    strlen(text) != len) {
		/* nothing that any node has written */
		fail(claim, REDIS_FAULT_OTHER);
	} else {
		memcpy(claim->rival, text, len + 1);
		step(claim, ask_rival(claim));
	}
}

static int
try(struct route_claim *claim)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "SET", key, claim->node, "NX", "GET",
		NULL };

	redis_names_user_route(names(claim), claim->client, key);
	return ask_redis(claim, on_route, words);
}

int
route_claim_take(struct route_claim *claim, const char *registration,
    uint64_t established_ms)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HSET", key, claim->client, registration,
		NULL };
	int rc;

	claim->established_ms = established_ms;
	claim->fault = REDIS_FAULT_NONE;
	claim->is_alone = false;
	claim->tries = 0;
	redis_names_node_clients(names(claim), claim->node, key);
	if (!backplane_has_room(&claim->relay->backplane, 2))
		return -EAGAIN;
	rc = ask_redis(claim, on_registered, words);
	if (rc != 0)
		return rc;
	crash_mark();
	claim->is_alone = try(claim) != 0;
	return 0;
}

/* ---- giving back */

static void
on_unregistered(const struct redisReply *reply, enum redis_fault fault,
    void *arg)
{
	struct route_claim *claim = arg;

	(void)reply;
	if (fault != REDIS_FAULT_NONE)
		fail(claim, fault);
	else
		end(claim, ROUTE_GONE);
}

/* Only behind that: a route without its registration would be found by nobody.
 * A key that holds anything else than a string is no route of ours. */
static void
on_deleted(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct route_claim *claim = arg;
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "HDEL", key, claim->client, NULL };

	(void)reply;
	if (fault != REDIS_FAULT_NONE && fault != REDIS_FAULT_WRONGTYPE) {
		fail(claim, fault);
		return;
	}
	crash_mark();
	redis_names_node_clients(names(claim), claim->node, key);
	step(claim, ask_redis(claim, on_unregistered, words));
}

int
route_claim_give_back(struct route_claim *claim)
{
	char key[REDIS_NAMES_MAX];
	const char *const words[] = { "EVAL", delete_script, "1", key,
		claim->node, NULL };

	redis_names_user_route(names(claim), claim->client, key);
	return ask_redis(claim, on_deleted, words);
}
