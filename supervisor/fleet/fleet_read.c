/* SPDX-License-Identifier: ISC */
/*
 * A reading of all leases (see fleet_read.h).
 */
#include "supervisor/fleet/fleet_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/random.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/supervisor.h"

/* In the answer of fleet_script_read. */
#define FIRST_MEMBER 5u

/* One {id, beat, {field, value ...}}. */
static void
read_lease(struct fleet_member *member, const struct redisReply *item)
{
	const struct redisReply *fields = redis_reply_at(item, 2);
	size_t i, count = redis_reply_count(fields);

	(void)snprintf(member->id, sizeof(member->id), "%s",
	    redis_reply_text_at(item, 0));
	/* A hash that is gone, by eviction or hand, is no death. */
	member->said = MEMBER_SUSPECT;
	member->is_lost = count == 0;
	member->beat_ms = redis_reply_number_at(item, 1);
	member->address[0] = '\0';
	member->is_purged = false;
	member->dead_ms = 0;
	for (i = 0; i + 1 < count; i += 2)
		fleet_member_set(member, redis_reply_text_at(fields, i),
		    redis_reply_text_at(fields, i + 1));
}

static void
note(struct fleet *fleet, const struct fleet_member *member,
    enum member_state before)
{
	const char *state = member_state_name(member->state);

	log_notice("fleet_member", NULL, log_text("node", member->id),
	    log_text("state", state),
	    log_text("before", member_state_name(before)));
	fleet_lead_event(fleet, "member", member->id, state);
}

/* Deaths that no storm was announced for: Redis has them from us, but its
 * answer was lost, or from the leader before us, who was lost with it. */
static void
find_deaths(struct fleet *fleet, const struct fleet_members *before,
    uint64_t redis_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	uint64_t last_ms = lead->announced_ms;
	size_t i;

	for (i = 0; i < lead->members.count; i++) {
		struct fleet_member *member = &lead->members.all[i];
		const struct fleet_member *old;

		/* An operator has said of those that nobody is there. */
		if (member->state != MEMBER_DEAD || member->dead_ms == 0)
			continue;
		old = fleet_members_find(before, member->id);
		if (old == NULL ? member->dead_ms > last_ms :
				  old->state != MEMBER_DEAD)
			fleet_bury_found(fleet, member, old != NULL, redis_ms);
		if (member->dead_ms > lead->announced_ms)
			lead->announced_ms = member->dead_ms;
	}
}

static void
read_members(struct fleet *fleet, const struct redisReply *reply,
    uint64_t redis_ms)
{
	struct fleet_members *members = &fleet->lead.members;
	struct fleet_members fresh = { 0 }, before = *members;
	size_t i, count = redis_reply_count(reply);

	/* By their beats: of too many those that are late are left out. */
	i = count > FIRST_MEMBER + FLEET_MEMBERS_MAX ?
	    count - FLEET_MEMBERS_MAX :
	    FIRST_MEMBER;
	for (; i < count; i++) {
		const struct redisReply *item = redis_reply_at(reply, i);
		const struct fleet_member *old = fleet_members_find(members,
		    redis_reply_text_at(item, 0));
		struct fleet_member *member = fleet_members_add(&fresh);

		if (member == NULL)
			break;
		if (old != NULL)
			*member = *old;
		read_lease(member, item);
		fleet_member_follow(member, old, redis_ms);
		if (old != NULL && member->state != old->state)
			note(fleet, member, old->state);
	}
	fleet_members_sort(&fresh);
	*members = fresh;
	find_deaths(fleet, &before, redis_ms);
	fleet_members_clear(&before);
}

/* Returns how many members count.  A term begins unsettled: Redis may have been
 * flushed, which is no new Redis. */
static size_t
set_limits(struct fleet *fleet, uint64_t redis_ms, uint64_t now_ms)
{
	const struct settings_fleet *set = &fleet->sup->conf.settings.fleet;
	struct fleet_lead *lead = &fleet->lead;
	struct fleet_limits_turn turn = {
		.rules = { set->blast_radius.fraction, set->blast_radius.slack,
		    set->blast_radius.floor },
		.half_life_ms = set->blast_radius.half_life_ms,
		.is_settled = failover_is_settled(&lead->failover, now_ms) &&
		    now_ms >= lead->begun_ms + set->membership.lease_ms,
		.redis_ms = redis_ms,
		.now_ms = now_ms,
	};

	return fleet_limits_set(&lead->limits, &lead->members, &turn);
}

/* How many have no lease, and the first of their names. */
static void
note_missing(struct fleet_lead *lead)
{
	size_t i, len = 0, left = 0;

	lead->expired = 0;
	lead->missing[0] = '\0';
	for (i = 0; i < lead->members.count; i++) {
		const struct fleet_member *member = &lead->members.all[i];
		/* Room for " and 2000 more". */
		size_t room = sizeof(lead->missing) - 16 - len;

		if (member->state != MEMBER_SUSPECT)
			continue;
		lead->expired++;
		if (left > 0 || strlen(member->id) + 3 > room) {
			left++;
			continue;
		}
		len += (size_t)snprintf(lead->missing + len, room, "%s%s",
		    len == 0 ? "" : ", ", member->id);
	}
	if (left > 0)
		(void)snprintf(lead->missing + len, sizeof(lead->missing) - len,
		    " and %zu more", left);
}

static void
tell_hold(struct fleet *fleet)
{
	const struct fleet_lead *lead = &fleet->lead;
	const char *why = failover_hold_name(lead->hold);
	char text[FLEET_PAUSED_MAX + 32];

	log_warn("failover_held", "no node is declared dead",
	    log_text("why", why), log_uint("expired", lead->expired),
	    log_text("missing", lead->missing),
	    log_text("paused", lead->paused));
	(void)snprintf(text, sizeof(text), "%s%s%s", why,
	    lead->hold == FAILOVER_PAUSED ? " by " : ", missing: ",
	    lead->hold == FAILOVER_PAUSED ? lead->paused : lead->missing);
	fleet_lead_event(fleet, "failover_held",
	    fleet->sup->conf.settings.node.id, text);
}

static void
judge(struct fleet *fleet, size_t members, uint64_t redis_ms, uint64_t now_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	enum failover_hold before = lead->hold;
	size_t i, first, count = lead->members.count, missing = 0;

	note_missing(lead);
	for (i = 0; i < lead->members.count; i++)
		missing += fleet_member_is_missing(&lead->members.all[i],
		    lead->ack_ms, redis_ms);
	lead->hold = failover_decide(&lead->failover, missing, members,
	    lead->paused[0] != '\0', now_ms);
	if (lead->hold != before && lead->hold >= FAILOVER_PAUSED) {
		tell_hold(fleet);
	}
	/* Another one first each time: there are only so many probes. */
	first = random_below((uint32_t)count);
	lead->is_any_late = false;
	for (i = 0; i < count; i++) {
		struct fleet_member *member =
		    &lead->members.all[(first + i) % count];

		if (fleet_member_is_over(member, redis_ms)) {
			/* No verdict, but its routes go. */
			if (!member->is_lost || lead->hold == FAILOVER_GO)
				fleet_bury_forget(fleet, member);
		} else if (fleet_member_is_late(member, redis_ms)) {
			lead->is_any_late |= redis_ms <
			    member->beat_ms + 2 * member->lease_ms;
			fleet_bury_judge(fleet, member);
			fleet_bury_probe(fleet, member);
		}
	}
}

static void
publish(struct fleet *fleet, uint64_t redis_ms, uint64_t now_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	struct fleet_args *args = &fleet->args;
	uint64_t left = storm_left_ms(&lead->storm, now_ms);
	json_t *list = fleet_members_json(&lead->members);
	char *text = json_dumps(list, JSON_COMPACT);

	json_decref(list);
	if (text == NULL)
		return;
	fleet_args_eval(args, fleet_script_publish, 2);
	fleet_key(fleet, "leader");
	fleet_key(fleet, "summary");
	fleet_args_text(args, fleet->token_text);
	fleet_args_field(args, "epoch", fleet->token.epoch);
	fleet_args_text(args, "leader");
	fleet_args_text(args, fleet->sup->conf.settings.node.id);
	fleet_args_field(args, "held", lead->limits.held);
	fleet_args_field(args, "level", lead->limits.level);
	fleet_args_text(args, "effective");
	fleet_args_real(args, lead->limits.effective);
	fleet_args_field(args, "storm_until", left == 0 ? 0 : redis_ms + left);
	fleet_args_field(args, "storm_window", lead->storm.window_ms);
	fleet_args_field(args, "displaced", lead->storm.displaced);
	fleet_args_text(args, "storm_spare");
	fleet_args_real(args, lead->storm.spare);
	fleet_args_field(args, "announced", lead->announced_ms);
	fleet_args_field(args, "expired", lead->expired);
	fleet_args_text(args, "hold");
	fleet_args_text(args, failover_hold_name(lead->hold));
	fleet_args_text(args, "paused");
	fleet_args_text(args, lead->paused);
	fleet_args_text(args, "missing");
	fleet_args_text(args, lead->missing);
	fleet_args_text(args, "nodes");
	fleet_args_bytes(args, text, strlen(text));
	(void)!fleet_send(fleet, NULL, NULL);
	free(text);
}

/* The deaths of the past hour, by us in an earlier term or by others, that no
 * operator has looked at since. */
static void
take_deaths(struct failover *failover, const struct redisReply *deaths,
    uint64_t ack_ms, uint64_t redis_ms, uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < redis_reply_count(deaths); i++) {
		uint64_t at_ms = redis_reply_number_at(deaths, i);

		/* To come, since the clock was set back: just now, then. */
		if (at_ms > ack_ms)
			failover_note(failover,
			    at_ms > redis_ms ? now_ms :
					       now_ms - (redis_ms - at_ms));
	}
}

/* An operator ends a pause, no FLUSHALL does, nor a replica that had not heard
 * of it. */
static bool
is_pause_forgotten(const struct fleet *fleet, const struct redisReply *reply)
{
	const struct fleet_lead *lead = &fleet->lead;

	return lead->paused[0] != '\0' &&
	    redis_reply_text_at(reply, 1)[0] == '\0' &&
	    (lead->may_have_forgotten ||
		redis_reply_number_at(reply, 4) < fleet->summary.epoch);
}

static void
pause_again(struct fleet *fleet)
{
	struct fleet_args *args = &fleet->args;

	log_warn("pause_restored", "Redis has forgotten it",
	    log_text("paused", fleet->lead.paused));
	fleet_args_eval(args, fleet_script_pause_again, 2);
	fleet_key(fleet, "leader");
	fleet_key(fleet, "paused");
	fleet_args_text(args, fleet->token_text);
	fleet_args_text(args, fleet->lead.paused);
	/* Unsent, it is missing in the next reading, too. */
	if (fleet_send(fleet, NULL, NULL) != 0)
		fleet->lead.may_have_forgotten = true;
}

static void
take_switches(struct fleet *fleet, const struct redisReply *reply,
    uint64_t redis_ms, uint64_t now_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	uint64_t ack_ms = redis_reply_number_at(reply, 2);

	if (is_pause_forgotten(fleet, reply))
		pause_again(fleet);
	else
		(void)snprintf(lead->paused, sizeof(lead->paused), "%s",
		    redis_reply_text_at(reply, 1));
	lead->may_have_forgotten = false;
	if (!lead->has_history)
		take_deaths(&lead->failover, redis_reply_at(reply, 3), ack_ms,
		    redis_ms, now_ms);
	else if (ack_ms != lead->ack_ms)
		failover_acknowledge(&lead->failover);
	lead->ack_ms = ack_ms;
	lead->has_history = true;
}

void
fleet_read(struct fleet *fleet, const struct redisReply *reply, uint64_t now_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	uint64_t redis_ms =
	    (uint64_t)redis_reply_integer(redis_reply_at(reply, 0), 0);
	size_t members;

	lead->redis_ms = redis_ms;
	failover_on_time(&lead->failover, redis_ms, lead->read_sent_ms, now_ms);
	take_switches(fleet, reply, redis_ms, now_ms);
	read_members(fleet, reply, redis_ms);
	members = set_limits(fleet, redis_ms, now_ms);
	fleet_observe_judge(fleet, redis_ms, now_ms);
	judge(fleet, members, redis_ms, now_ms);
	publish(fleet, redis_ms, now_ms);
}
