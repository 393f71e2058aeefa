/* SPDX-License-Identifier: ISC */
/*
 * Drain and upgrade leases (see fleet_permit.h).  Redis decides, by one script,
 * where all nodes see the same.
 */
#include "supervisor/fleet/fleet_permit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "proto/redis_names.h"
#include "supervisor/drain_lease.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/supervisor.h"

#define RETRY_MS 500u
/* The supervisor changes in the midst of an upgrade: the one that comes has to
 * join before it can renew. */
#define UPGRADE_LEASE_MS 30000u

struct quota {
	const char *what; /* of the key */
	uint64_t mark;
	uint64_t connections;
	uint64_t lease_ms;
	double fraction; /* of the connections held */
	uint32_t count;	 /* beside that */
	bool is_forced;
};

static void
put_token(struct fleet *fleet, uint64_t mark)
{
	char text[REDIS_NAMES_TOKEN];

	redis_names_token(fleet->incarnation, mark, text);
	fleet_args_text(&fleet->args, text);
}

static int
ask(struct fleet *fleet, const struct quota *quota, redis_link_cb *cb,
    void *arg)
{
	struct fleet_args *args = &fleet->args;

	fleet_args_eval(args, fleet_script_permit, 2);
	fleet_key(fleet, quota->what);
	fleet_key(fleet, "summary");
	fleet_args_text(args, fleet->sup->conf.settings.node.id);
	put_token(fleet, quota->mark);
	fleet_args_number(args, quota->connections);
	fleet_args_number(args, quota->lease_ms);
	fleet_args_real(args, quota->fraction);
	fleet_args_number(args, quota->count);
	fleet_args_text(args, quota->is_forced ? "1" : "");
	return fleet_send(fleet, cb, arg);
}

static void
give_back(struct fleet *fleet, const char *what, uint64_t mark)
{
	fleet_args_eval(&fleet->args, fleet_script_permit_end, 1);
	fleet_key(fleet, what);
	fleet_args_text(&fleet->args, fleet->sup->conf.settings.node.id);
	put_token(fleet, mark);
	/* Lost, it ends by itself. */
	(void)!fleet_send(fleet, NULL, NULL);
}

/* {1 or 0, now, reserved by others, how many they are} */
static bool
is_answer(const struct redisReply *reply, enum redis_fault fault)
{
	return fault == REDIS_FAULT_NONE && redis_reply_count(reply) == 4;
}

static void
take_answer(struct fleet *fleet, struct fleet_permit *permit, bool is_granted)
{
	const char *node = fleet->sup->conf.settings.node.id;
	char text[96];

	(void)snprintf(text, sizeof(text),
	    "%" PRIu64 " connections beside %" PRIu64 " of %" PRIu64
	    " other nodes",
	    (uint64_t)node_connections(&fleet->sup->node), permit->reserved,
	    permit->others);
	if (!is_granted) {
		if (!permit->is_denied)
			fleet_event(fleet, "drain_waits", node, text, 0);
		permit->is_denied = true;
		permit->is_granted = false;
		return;
	}
	node_permit_extend(&fleet->sup->node.shared->permit, permit->sent_ms,
	    fleet->sup->conf.settings.fleet.membership.lease_ms);
	if (!permit->is_granted)
		fleet_event(fleet, "drain_granted", node, text, 0);
	permit->is_granted = true;
	drain_lease_feed(fleet->sup, DRAIN_LEASE_EV_GRANTED);
}

static void
on_drain_answer(const struct redisReply *reply, enum redis_fault fault,
    void *arg)
{
	struct fleet *fleet = arg;
	struct fleet_permit *permit = &fleet->drain;
	uint64_t lease = fleet->sup->conf.settings.fleet.membership.lease_ms;

	permit->is_asking = false;
	permit->next_ms = clock_mono_ms() + RETRY_MS;
	if (!is_answer(reply, fault) || fleet->is_leaving ||
	    permit->mark == 0 || permit->mark != permit->sent_mark)
		return;
	permit->reserved =
	    (uint64_t)redis_reply_integer(redis_reply_at(reply, 2), 0);
	permit->others = (uint64_t)redis_reply_integer(redis_reply_at(reply, 3),
	    0);
	if (redis_reply_integer(redis_reply_at(reply, 0), 0) != 1) {
		take_answer(fleet, permit, false);
		return;
	}
	permit->next_ms = permit->sent_ms + lease / 4;
	take_answer(fleet, permit, true);
}

static bool
can_ask(const struct fleet *fleet, const struct fleet_permit *permit,
    uint64_t now_ms)
{
	return !permit->is_asking && now_ms >= permit->next_ms &&
	    fleet->place == FLEET_JOINED && !fleet->is_leaving &&
	    redis_link_state(fleet->link) == REDIS_LINK_READY;
}

static void
ask_for_drain(struct fleet *fleet, uint64_t now_ms)
{
	const struct settings_fleet *set = &fleet->sup->conf.settings.fleet;
	struct fleet_permit *permit = &fleet->drain;
	struct quota quota = {
		.what = "drains",
		.mark = permit->mark,
		.connections = node_connections(&fleet->sup->node),
		.lease_ms = set->membership.lease_ms,
		.fraction = set->blast_radius.max_draining,
		.is_forced = drain_lease_is_forced(fleet->sup),
	};

	if (ask(fleet, &quota, on_drain_answer, fleet) != 0)
		return;
	permit->is_asking = true;
	permit->sent_ms = now_ms;
	permit->sent_mark = permit->mark;
}

static void
drain_tick(struct fleet *fleet, uint64_t now_ms)
{
	struct supervisor *sup = fleet->sup;
	struct fleet_permit *permit = &fleet->drain;
	struct node_permit *words = &sup->node.shared->permit;
	uint64_t mark = drain_lease_wanted(sup);

	if (mark != permit->mark) {
		bool is_asking = permit->is_asking;

		if (permit->mark != 0)
			give_back(fleet, "drains", permit->mark);
		memset(permit, 0, sizeof(*permit));
		permit->is_asking = is_asking;
		permit->mark = mark;
	}
	if (mark == 0)
		return;
	/* One that goes on after an older holdfastd has been granted, and can
	 * be renewed in time if it still is. */
	if (atomic_load(&words->until_ms) == 0)
		node_permit_extend(words, now_ms,
		    sup->conf.settings.fleet.membership.lease_ms);
	drain_lease_check(sup);
	if (can_ask(fleet, permit, now_ms))
		ask_for_drain(fleet, now_ms);
}

/* ---- upgrades ---------------------------------------------------------- */

struct wish {
	struct fleet *fleet; /* borrowed */
	fleet_permit_cb *cb;
	void *arg;
};

static void
on_wish(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct wish wish = *(struct wish *)arg;
	enum fleet_verdict verdict = FLEET_UNHEARD;
	uint64_t others = 0;

	free(arg);
	if (!wish.fleet->is_leaving && is_answer(reply, fault)) {
		verdict = redis_reply_integer(redis_reply_at(reply, 0), 0) ==
			1 ?
		    FLEET_GRANTED :
		    FLEET_DENIED;
		others = (uint64_t)redis_reply_integer(redis_reply_at(reply, 3),
		    0);
		/* Given back once nothing is under way. */
		if (verdict == FLEET_GRANTED)
			wish.fleet->upgrade.is_granted = true;
	}
	wish.cb(wish.fleet->sup, verdict, others, wish.arg);
}

static void
on_renewed(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;

	(void)reply;
	(void)fault;
	fleet->upgrade.is_asking = false;
}

static struct quota
upgrade_quota(const struct fleet *fleet, bool is_forced)
{
	const struct settings_fleet *set = &fleet->sup->conf.settings.fleet;

	return (struct quota){
		.what = "upgrades",
		.connections = 1,
		.lease_ms = UPGRADE_LEASE_MS,
		.count = set->blast_radius.max_upgrading,
		.is_forced = is_forced,
	};
}

int
fleet_permit_upgrade(struct fleet *fleet, fleet_permit_cb *cb, void *arg)
{
	struct quota quota = upgrade_quota(fleet, false);
	struct wish *wish;

	if (redis_link_state(fleet->link) != REDIS_LINK_READY)
		return -ENOTCONN;
	wish = malloc(sizeof(*wish));
	if (wish == NULL)
		return -ENOMEM;
	*wish = (struct wish){ fleet, cb, arg };
	if (ask(fleet, &quota, on_wish, wish) != 0) {
		free(wish);
		return -ENOTCONN;
	}
	return 0;
}

/* It cannot be stopped half way, so it is renewed whatever others do. */
static void
upgrade_tick(struct fleet *fleet, uint64_t now_ms)
{
	struct fleet_permit *permit = &fleet->upgrade;
	struct quota quota = upgrade_quota(fleet, true);
	bool runs = strcmp(upgrade_phase(fleet->sup), "idle") != 0;

	if (!runs) {
		/* Also what the supervisor before us has left; others wait. */
		permit->next_ms = 0;
		if (!permit->is_granted || !can_ask(fleet, permit, now_ms))
			return;
		permit->is_granted = false;
		give_back(fleet, "upgrades", 0);
		return;
	}
	if (!can_ask(fleet, permit, now_ms))
		return;
	permit->is_granted = true;
	permit->next_ms = now_ms + UPGRADE_LEASE_MS / 4;
	permit->is_asking = ask(fleet, &quota, on_renewed, fleet) == 0;
}

void
fleet_permit_tick(struct fleet *fleet, uint64_t now_ms)
{
	drain_tick(fleet, now_ms);
	upgrade_tick(fleet, now_ms);
}

void
fleet_permit_leave(struct fleet *fleet)
{
	if (fleet->drain.mark != 0)
		give_back(fleet, "drains", fleet->drain.mark);
	fleet->drain.mark = 0;
}
