/* SPDX-License-Identifier: ISC */
/*
 * Is a node dead whose lease is over?  Its peer port is asked: one that
 * refuses, or is silent twice, or has another node's answer, has nobody behind
 * it.  Then Redis is told, which checks that the lease is still the one we saw;
 * then the storm is announced and the routes go.  Anything unclear leaves the
 * node suspect, with its routes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "proto/redis_names.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/supervisor.h"

#define MISSES 2u
/* Of nodes that die together the last lease ends a renewal after the first:
 * only then can it be told how many they are.  A renewal is a second and what
 * the loop is late. */
#define TOGETHER_MS 1250u

void
fleet_bury_clear(struct fleet *fleet)
{
	fleet_probe_cancel(fleet->lead.probes, FLEET_PROBES_MAX);
}

/* Handshakes that the others can do beside what they do already. */
static double
spare_of_others(const struct fleet *fleet)
{
	const struct fleet_members *members = &fleet->lead.members;
	struct storm_survivor survivors[FLEET_MEMBERS_MAX];
	size_t i, n = 0;

	for (i = 0; i < members->count; i++) {
		const struct fleet_member *member = &members->all[i];

		if (member->state != MEMBER_HEALTHY &&
		    member->state != MEMBER_JOINING)
			continue;
		survivors[n].budget = fleet_storm_budget(member->budget);
		survivors[n++].rate = member->rate;
	}
	return storm_spare(survivors, n,
	    (double)
		fleet->sup->conf.settings.fleet.storm.handshakes_per_second);
}

/* past_ms: since it was declared dead. */
static void
announce(struct fleet *fleet, const struct fleet_member *member,
    uint64_t past_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	char text[64];

	/* Nobody comes back from where nobody was. */
	if (member->count == 0 ||
	    !storm_add_late(&lead->storm, member->count, spare_of_others(fleet),
		fleet->sup->conf.settings.fleet.storm.min_window_ms, past_ms,
		clock_mono_ms()))
		return;
	(void)snprintf(text, sizeof(text), "%llu clients over %llu ms",
	    (unsigned long long)lead->storm.displaced,
	    (unsigned long long)lead->storm.window_ms);
	fleet_lead_event(fleet, "storm_announced", member->id, text);
}

static void
tell(struct fleet *fleet, const struct fleet_member *member, uint64_t past_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	char text[FLEET_OBSERVED_MAX + 192];

	lead->deaths++;
	failover_note(&lead->failover, clock_mono_ms() - past_ms);
	log_warn("node_dead", "its routes are purged",
	    log_text("node", member->id),
	    log_uint("connections", member->count),
	    log_text("observed", lead->observed));
	(void)snprintf(text, sizeof(text), "node %s %s", member->id,
	    lead->observed);
	supervisor_event(fleet->sup, "node_dead", -1, NULL, text, 0);
}

void
fleet_bury_found(struct fleet *fleet, struct fleet_member *member, bool is_ours,
    uint64_t redis_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	uint64_t past_ms = redis_ms > member->dead_ms ?
	    redis_ms - member->dead_ms :
	    0;

	if (is_ours) {
		/* Another may have been buried since. */
		if (lead->burial.incarnation != member->incarnation)
			(void)snprintf(lead->observed, sizeof(lead->observed),
			    "as Redis has it on record");
		tell(fleet, member, past_ms);
	}
	announce(fleet, member, past_ms);
}

static void
on_buried(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	struct fleet_burial *burial = &fleet->lead.burial;
	struct fleet_member *member;
	struct member_move move;

	if (fleet->is_leaving)
		return;
	member = fleet_members_find(&fleet->lead.members, burial->node);
	burial->node[0] = '\0';
	if (fault != REDIS_FAULT_NONE || redis_reply_integer(reply, 0) != 1 ||
	    member == NULL || member->incarnation != burial->incarnation)
		return; /* it lives after all, or we do not lead */
	move = member_fsm_step(member->state, MEMBER_EV_CONFIRMED);
	member->state = move.next;
	if (move.action != MEMBER_ACT_BURY)
		return;
	member->said = MEMBER_DEAD;
	tell(fleet, member, 0);
	announce(fleet, member, 0);
	fleet_purge_tick(fleet);
}

static void
bury(struct fleet *fleet, const struct fleet_member *member,
    const char *observed)
{
	struct fleet_burial *burial = &fleet->lead.burial;
	struct fleet_args *args = &fleet->args;

	if (burial->node[0] != '\0')
		return; /* the next turn comes soon */
	fleet_args_eval(args, fleet_script_bury, 4);
	fleet_key(fleet, "leader");
	fleet_key_of(fleet, "node", member->id);
	fleet_key(fleet, "events");
	fleet_key(fleet, "paused");
	fleet_args_text(args, fleet->token_text);
	fleet_args_text(args, member->id);
	fleet_args_hex(args, member->incarnation);
	fleet_args_number(args, member->beat_ms);
	fleet_args_text(args, observed);
	fleet_args_text(args, fleet->sup->conf.settings.node.id);
	if (fleet_send(fleet, on_buried, fleet) != 0)
		return;
	(void)snprintf(fleet->lead.observed, sizeof(fleet->lead.observed), "%s",
	    observed);
	(void)snprintf(burial->node, sizeof(burial->node), "%s", member->id);
	burial->incarnation = member->incarnation;
}

/* The hold is as of the last reading: Redis may have changed since. */
static bool
may_bury(const struct fleet *fleet, const struct fleet_member *member)
{
	const struct fleet_lead *lead = &fleet->lead;
	uint64_t now = clock_mono_ms();

	return lead->hold == FAILOVER_GO &&
	    failover_is_settled(&lead->failover, now) &&
	    leader_leads(&fleet->leader, now) &&
	    lead->redis_ms >= member->beat_ms + member->lease_ms + TOGETHER_MS;
}

static void
on_probed(enum peer_probe_result result, const struct peer_line *line,
    void *arg)
{
	struct fleet_probe *one = arg;
	struct fleet *fleet = one->fleet;
	struct fleet_member *member = fleet_members_find(&fleet->lead.members,
	    one->node);

	one->probe = NULL;
	if (member == NULL || member->incarnation != one->incarnation ||
	    member->beat_ms != one->beat_ms)
		return;
	result = fleet_probe_judge(one, result, line);
	member->probed = result;
	switch (result) {
	case PEER_PROBE_REFUSED:
		member->misses = MISSES;
		break;
	case PEER_PROBE_SILENT:
		member->misses++;
		break;
	case PEER_PROBE_ANSWERED:
		member->misses = 0;
		if (member->state == MEMBER_SUSPECT && !member->has_answered)
			log_notice("suspect_lives",
			    "it has no lease, but it answers: its routes stay",
			    log_text("node", member->id),
			    log_text("state", line->state));
		member->has_answered = member->state == MEMBER_SUSPECT;
		return;
	default:
		return; /* proves nothing */
	}
	/* Silence takes a while: no reading is waited for. */
	if (member->misses < MISSES)
		fleet_bury_probe(fleet, member);
	else
		fleet_bury_judge(fleet, member);
}

void
fleet_bury_judge(struct fleet *fleet, struct fleet_member *member)
{
	char observed[FLEET_OBSERVED_MAX], others[192];

	if (member->state != MEMBER_SUSPECT || member->misses < MISSES ||
	    !may_bury(fleet, member))
		return;
	if (!fleet_observe_agrees(fleet, member, others, sizeof(others)))
		return;
	(void)snprintf(observed, sizeof(observed),
	    "with %llu connections, no lease for %llu ms, peer port %s, seen "
	    "by %s%s",
	    (unsigned long long)member->count,
	    (unsigned long long)(fleet->lead.redis_ms - member->beat_ms),
	    peer_probe_result_name(member->probed),
	    fleet->sup->conf.settings.node.id, others);
	bury(fleet, member, observed);
}

void
fleet_bury_probe(struct fleet *fleet, struct fleet_member *member)
{
	/* Without a peer port nobody can say, so it is not said. */
	if (member->address[0] == '\0')
		return;
	fleet_probe_start(fleet, fleet->lead.probes, FLEET_PROBES_MAX, member,
	    member->incarnation, on_probed);
}

struct forgotten {
	struct fleet *fleet; /* borrowed */
	uint64_t redis_ms;
	char node[128];
};

/* Nobody reads what is in its inbox, or ever will. */
static void
on_forgotten(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct forgotten *one = arg;
	struct fleet *fleet = one->fleet;
	char key[REDIS_NAMES_MAX];

	if (fault == REDIS_FAULT_NONE && redis_reply_integer(reply, 0) == 1 &&
	    !fleet->is_leaving) {
		redis_names_inbox(&fleet->sup->conf.settings.redis, one->node,
		    key);
		fleet_args_eval(&fleet->args, fleet_script_uninbox, 1);
		fleet_args_text(&fleet->args, key);
		fleet_args_number(&fleet->args, one->redis_ms);
		(void)!fleet_send(fleet, NULL, NULL);
	}
	free(one);
}

void
fleet_bury_forget(struct fleet *fleet, struct fleet_member *member)
{
	struct forgotten *one = calloc(1, sizeof(*one));
	struct fleet_args *args = &fleet->args;

	if (one == NULL)
		return; /* with the next reading */
	one->fleet = fleet;
	one->redis_ms = fleet->lead.redis_ms;
	(void)snprintf(one->node, sizeof(one->node), "%s", member->id);
	fleet_args_eval(args, fleet_script_forget, 5);
	fleet_key(fleet, "leader");
	fleet_key_of(fleet, "node", member->id);
	fleet_key(fleet, "nodes");
	fleet_key(fleet, "events");
	fleet_key_of(fleet, "routes", member->id);
	fleet_args_text(args, fleet->token_text);
	fleet_args_text(args, member->id);
	fleet_args_hex(args, member->incarnation);
	fleet_args_text(args, fleet->sup->conf.settings.node.id);
	/* The next reading shows whether it is gone. */
	if (fleet_send(fleet, on_forgotten, one) != 0)
		free(one);
}
