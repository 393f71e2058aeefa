/* SPDX-License-Identifier: ISC */
/*
 * Deletes the routes to nodes that are dead, or that have left without doing so
 * themselves, one node at a time, in batches.  Before each batch Redis is asked
 * whether the node is still gone and we still lead:
 * one that has come back is told to write its routes anew.  A route that leads
 * elsewhere meanwhile is left alone.  Answers may be old when we see them: a
 * leader that stood still stops where it is, and another one does the rest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "proto/redis_names.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/supervisor.h"

#define BATCH		 1000u
#define UNLIST		 50u /* of FLEET_ARGS_MAX words */
#define REDIS_CLIENT_MAX 100u
/* One that Redis does not let us purge has its next turn so much later. */
#define RETRY_MS 30000u

static void ask(struct fleet *fleet);

/* The node's own mark: when it is gone, the node writes its routes anew. */
static void
put_mark(struct fleet *fleet)
{
	fleet_key_of(fleet, "routes", fleet->lead.purge.node);
}

/* The next tick begins anew, if it is still dead.  If it is not, the last batch
 * may have deleted what it had just written. */
static void
give_up(struct fleet *fleet)
{
	struct fleet_purge *purge = &fleet->lead.purge;

	if (purge->has_deleted) {
		fleet_args_command(&fleet->args, "DEL");
		put_mark(fleet);
		/* Cannot be sent: then the node's link is down as ours is, and
		 * it compares all when that is up again. */
		(void)!fleet_send(fleet, NULL, NULL);
	}
	purge->node[0] = '\0';
}

/* Nothing is wrong with the link, and it will be so again next time. */
static void
postpone(struct fleet *fleet, enum redis_fault fault, const char *error)
{
	struct fleet_member *member = fleet_members_find(&fleet->lead.members,
	    fleet->lead.purge.node);

	if (fault == REDIS_FAULT_LOST || member == NULL)
		return;
	member->purge_next_ms = clock_mono_ms() + RETRY_MS;
	log_warn("purge_failed", "others first, then again",
	    log_text("node", member->id),
	    log_text("answer", error == NULL ? "nonsense" : error));
}

static struct fleet_member *
next_one(const struct fleet *fleet)
{
	const struct fleet_members *members = &fleet->lead.members;
	uint64_t now = clock_mono_ms();
	size_t i;

	for (i = 0; i < members->count; i++) {
		struct fleet_member *member = &members->all[i];

		if (now >= member->purge_next_ms &&
		    fleet_member_has_stale(member, fleet->lead.redis_ms))
			return member;
	}
	return NULL;
}

static bool
is_over(const struct fleet *fleet, enum redis_fault fault)
{
	return fleet->is_leaving || fleet->lead.purge.node[0] == '\0' ||
	    fault != REDIS_FAULT_NONE ||
	    !leader_leads(&fleet->leader, clock_mono_ms());
}

static void
tell(struct fleet *fleet)
{
	const struct fleet_purge *purge = &fleet->lead.purge;
	char text[160];

	log_notice("routes_purged", NULL, log_text("node", purge->node),
	    log_uint("routes", purge->routes));
	(void)snprintf(text, sizeof(text), "node %s", purge->node);
	supervisor_event(fleet->sup, "routes_purged", -1, NULL, text,
	    (int64_t)purge->routes);
}

static void
on_done(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	struct fleet_purge *purge = &fleet->lead.purge;
	struct fleet_member *member;

	if (fleet->is_leaving)
		return;
	member = fleet_members_find(&fleet->lead.members, purge->node);
	if (fault == REDIS_FAULT_NONE && member != NULL &&
	    redis_reply_integer(reply, 0) == 1) {
		member->is_purged = true;
		purge->has_deleted = false; /* the mark is */
		fleet->lead.routes_purged += purge->routes;
		if (member->state == MEMBER_DEAD || purge->routes > 0)
			tell(fleet);
	}
	give_up(fleet);
	fleet_purge_tick(fleet);
}

static void
finish(struct fleet *fleet)
{
	struct fleet_purge *purge = &fleet->lead.purge;
	struct fleet_args *args = &fleet->args;

	fleet_args_eval(args, fleet_script_purged, 4);
	fleet_key(fleet, "leader");
	fleet_key_of(fleet, "node", purge->node);
	put_mark(fleet);
	fleet_key(fleet, "events");
	fleet_args_text(args, fleet->token_text);
	fleet_args_hex(args, purge->incarnation);
	fleet_args_text(args, purge->node);
	fleet_args_number(args, purge->routes);
	if (fleet_send(fleet, on_done, fleet) != 0)
		give_up(fleet);
}

static void
end_batch(struct fleet *fleet)
{
	const struct fleet_purge *purge = &fleet->lead.purge;

	if (is_over(fleet, REDIS_FAULT_NONE) || purge->has_failed)
		give_up(fleet);
	else if (purge->is_last)
		finish(fleet);
	else
		ask(fleet);
}

/* The batch is over when the last of its answers is here. */
static void
on_deleted(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	struct fleet_purge *purge = &fleet->lead.purge;

	if (fleet->is_leaving || purge->node[0] == '\0')
		return;
	if (fault == REDIS_FAULT_NONE)
		purge->routes += (uint64_t)redis_reply_integer(reply, 0);
	else if (!purge->has_failed)
		postpone(fleet, fault, redis_reply_error(reply));
	purge->has_failed |= fault != REDIS_FAULT_NONE;
	if (--purge->pending == 0)
		end_batch(fleet);
}

static void
on_unlisted(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	/* Its number is none of routes. */
	on_deleted(fault == REDIS_FAULT_NONE ? NULL : reply, fault, arg);
}

static void
send_one(struct fleet *fleet, redis_link_cb *cb)
{
	if (fleet_send(fleet, cb, fleet) == 0)
		fleet->lead.purge.pending++;
	else
		fleet->lead.purge.has_failed = true;
}

static void
delete_route(struct fleet *fleet, const char *client, size_t len)
{
	struct fleet_args *args = &fleet->args;
	char key[REDIS_NAMES_MAX], text[REDIS_CLIENT_MAX + 1];

	/* No client has such an id: nobody could have a route by it. */
	if (len > REDIS_CLIENT_MAX || strlen(client) != len)
		return;
	memcpy(text, client, len + 1);
	redis_names_user_route(&fleet->sup->conf.settings.redis, text, key);
	fleet_args_eval(args, fleet_script_unroute, 1);
	fleet_args_text(args, key);
	fleet_args_text(args, fleet->lead.purge.node);
	send_one(fleet, on_deleted);
}

/* Many registrations in one command, from the i-th pair on; how many. */
static size_t
unlist(struct fleet *fleet, const struct redisReply *pairs, size_t i)
{
	size_t n, count = redis_reply_count(pairs);
	struct fleet_args *args = &fleet->args;
	char key[REDIS_NAMES_MAX];

	redis_names_node_clients(&fleet->sup->conf.settings.redis,
	    fleet->lead.purge.node, key);
	fleet_args_command(args, "HDEL");
	fleet_args_text(args, key);
	for (n = 0; n < UNLIST && i + 2 * n + 1 < count; n++) {
		size_t len = 0;
		const char *client =
		    redis_reply_text(redis_reply_at(pairs, i + 2 * n), &len);

		fleet_args_bytes(args, client == NULL ? "" : client, len);
	}
	send_one(fleet, on_unlisted);
	return n;
}

static void
on_batch(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	struct fleet_purge *purge = &fleet->lead.purge;
	const struct redisReply *pairs = redis_reply_at(reply, 1);
	const char *cursor = redis_reply_text(redis_reply_at(reply, 0), NULL);
	size_t i, count = redis_reply_count(pairs);

	if (cursor == NULL ||
	    parse_u64(cursor, 0, UINT64_MAX, &purge->cursor) != 0) {
		postpone(fleet, fault, redis_reply_error(reply));
		give_up(fleet);
		return;
	}
	if (is_over(fleet, fault)) {
		give_up(fleet);
		return;
	}
	purge->is_last = purge->cursor == 0;
	purge->has_deleted |= count > 0;
	for (i = 0; i + 1 < count; i += 2) {
		size_t len = 0;
		const char *client = redis_reply_text(redis_reply_at(pairs, i),
		    &len);

		if (client != NULL)
			delete_route(fleet, client, len);
	}
	/* The registrations behind the routes: cut short, all is found again.
	 */
	for (i = 0; i + 1 < count;)
		i += 2 * unlist(fleet, pairs, i);
	if (purge->pending == 0)
		end_batch(fleet);
}

static void
on_still_over(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	const struct settings_redis *set;
	struct fleet *fleet = arg;
	struct fleet_purge *purge = &fleet->lead.purge;
	struct fleet_args *args = &fleet->args;
	char key[REDIS_NAMES_MAX];

	if (is_over(fleet, fault) || redis_reply_integer(reply, 0) != 1) {
		give_up(fleet);
		return;
	}
	set = &fleet->sup->conf.settings.redis;
	fleet_args_command(args, "HSCAN");
	redis_names_node_clients(set, purge->node, key);
	fleet_args_text(args, key);
	fleet_args_number(args, purge->cursor);
	fleet_args_text(args, "COUNT");
	fleet_args_number(args, BATCH);
	if (fleet_send(fleet, on_batch, fleet) != 0)
		give_up(fleet);
}

static void
ask(struct fleet *fleet)
{
	struct fleet_purge *purge = &fleet->lead.purge;
	struct fleet_args *args = &fleet->args;

	fleet_args_eval(args, fleet_script_is_over, 2);
	fleet_key(fleet, "leader");
	fleet_key_of(fleet, "node", purge->node);
	fleet_args_text(args, fleet->token_text);
	fleet_args_hex(args, purge->incarnation);
	purge->pending = 0;
	if (fleet_send(fleet, on_still_over, fleet) != 0)
		give_up(fleet);
}

void
fleet_purge_tick(struct fleet *fleet)
{
	struct fleet_purge *purge = &fleet->lead.purge;
	const struct fleet_member *member = next_one(fleet);

	if (purge->node[0] != '\0' || member == NULL)
		return;
	memset(purge, 0, sizeof(*purge));
	(void)snprintf(purge->node, sizeof(purge->node), "%s", member->id);
	purge->incarnation = member->incarnation;
	ask(fleet);
}
