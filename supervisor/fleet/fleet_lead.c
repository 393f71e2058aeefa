/* SPDX-License-Identifier: ISC */
/*
 * The leader's turn (see fleet_lead.h): lease, reading, decisions, summary.
 */
#include "supervisor/fleet/fleet_lead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/random.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_lease.h"
#include "supervisor/fleet/fleet_read.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/supervisor.h"

#define READ_MS 500u
/* Whom Redis does not let read so often cannot lead; another one may. */
#define FAULTS_MAX    8u
#define FAULT_TELL_MS 60000u

void
fleet_lead_resign(struct fleet *fleet)
{
	if (fleet->token_text[0] == '\0')
		return;
	fleet_args_eval(&fleet->args, fleet_script_resign, 1);
	fleet_key(fleet, "leader");
	fleet_args_text(&fleet->args, fleet->token_text);
	/* Unsent, it ends by itself. */
	(void)!fleet_send(fleet, NULL, NULL);
	leader_resign(&fleet->leader, clock_mono_ms());
	fleet->token_text[0] = '\0';
}

void
fleet_lead_event(struct fleet *fleet, const char *kind, const char *node,
    const char *text)
{
	struct fleet_args *args = &fleet->args;
	char line[160];

	(void)snprintf(line, sizeof(line), "node %s%s%s", node,
	    text[0] == '\0' ? "" : " ", text);
	supervisor_event(fleet->sup, kind, -1, NULL, line, 0);
	fleet_args_eval(args, fleet_script_event, 2);
	fleet_key(fleet, "leader");
	fleet_key(fleet, "events");
	fleet_args_text(args, fleet->token_text);
	fleet_args_text(args, kind);
	fleet_args_text(args, node);
	fleet_args_text(args, text);
	fleet_args_text(args, fleet->sup->conf.settings.node.id);
	/* Lost when Redis is: the node's own list has it. */
	(void)!fleet_send(fleet, NULL, NULL);
}

void
fleet_hand_over(struct supervisor *sup)
{
	if (sup->fleet == NULL)
		return;
	fleet_lead_resign(sup->fleet);
	redis_link_flush(sup->fleet->link);
}

/* A link that is down is told elsewhere. */
static void
note_fault(struct fleet *fleet, const char *what,
    const struct redisReply *reply, enum redis_fault fault, uint64_t now_ms)
{
	struct fleet_lead *lead = &fleet->lead;
	const char *error = redis_reply_error(reply);

	if (fault == REDIS_FAULT_LOST || now_ms < lead->fault_next_ms)
		return;
	lead->fault_next_ms = now_ms + FAULT_TELL_MS;
	log_warn("fleet_unled", "Redis does not let this node lead",
	    log_text("what", what),
	    log_text("answer", error == NULL ? "nonsense" : error));
}

void
fleet_lead_init(struct fleet *fleet)
{
	const struct settings_fleet *set = &fleet->sup->conf.settings.fleet;
	uint64_t now = clock_mono_ms();

	failover_init(&fleet->lead.failover, set->membership.lease_ms,
	    set->membership.max_failovers_per_hour, now);
	fleet->token.incarnation = fleet->incarnation;
	fleet->token.random = random_u64();
}

void
fleet_lead_clear(struct fleet *fleet)
{
	fleet_members_clear(&fleet->lead.members);
}

void
fleet_lead_connected(struct fleet *fleet, uint64_t now_ms)
{
	fleet_bury_clear(fleet);
	failover_on_connect(&fleet->lead.failover, now_ms);
	fleet->lead.hold = FAILOVER_UNSETTLED;
	fleet->lead.is_reading = false;
	fleet->lead.may_have_forgotten = true;
}

void
fleet_lead_begin(struct fleet *fleet)
{
	struct fleet_lead *lead = &fleet->lead;
	uint64_t now = clock_mono_ms();

	fleet_bury_clear(fleet);
	fleet_members_clear(&lead->members);
	memset(&lead->purge, 0, sizeof(lead->purge));
	failover_begin(&lead->failover,
	    strcmp(fleet->summary.hold, failover_hold_name(FAILOVER_MASS)) ==
		0);
	lead->has_history = false;
	lead->is_reading = false;
	lead->faults = 0;
	(void)snprintf(lead->paused, sizeof(lead->paused), "%s",
	    fleet->summary.paused);
	/* A storm that the leader before us announced goes on. */
	storm_resume(&lead->storm, &fleet->summary.storm,
	    fleet_redis_ms(fleet, now), now);
	lead->announced_ms = fleet->summary.storm.announced_ms;
	lead->begun_ms = now;
	fleet_limits_begin(&lead->limits, fleet->summary.held,
	    fleet->summary.is_known ? fleet->summary.level : UINT64_MAX, now);
	log_notice("fleet_leader", "this node leads the fleet",
	    log_text("token", fleet->token_text));
	fleet_lead_event(fleet, "leader", fleet->sup->conf.settings.node.id,
	    fleet->token_text);
}

static void
on_lease(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	uint64_t now = clock_mono_ms();
	const char *token;

	if (fault != REDIS_FAULT_NONE || fleet->is_leaving) {
		if (!fleet->is_leaving)
			note_fault(fleet, "lease", reply, fault, now);
		leader_on_failure(&fleet->leader, now);
		return;
	}
	token = redis_reply_text(reply, NULL);
	/* A token that is not ours would be a bug of ours or of Redis: then
	 * rather nobody leads. */
	if (token != NULL && strlen(token) < sizeof(fleet->token_text)) {
		(void)snprintf(fleet->token_text, sizeof(fleet->token_text),
		    "%s", token);
		(void)!leader_token_parse(token, &fleet->token);
	} else {
		token = NULL;
		fleet->token_text[0] = '\0';
	}
	if (leader_on_answer(&fleet->leader, token != NULL, random_u32(), now))
		fleet_lead_begin(fleet);
}

static void
ask_for_lease(struct fleet *fleet, uint64_t now_ms)
{
	struct fleet_args *args = &fleet->args;
	enum leader_wish wish = leader_next(&fleet->leader, now_ms);
	uint64_t least = fleet->summary.epoch > fleet->token.epoch ?
	    fleet->summary.epoch :
	    fleet->token.epoch;

	if (wish == LEADER_WAIT)
		return;
	fleet_args_eval(args, fleet_script_lead, 2);
	fleet_key(fleet, "leader");
	fleet_key(fleet, "epoch");
	fleet_args_text(args, fleet->token_text);
	fleet_args_number(args, fleet->leader.lease_ms);
	fleet_args_text(args, wish == LEADER_CLAIM ? "1" : "0");
	fleet_args_number(args, least + 1);
	fleet_args_hex(args, fleet->incarnation);
	fleet_args_hex(args, fleet->token.random);
	if (fleet_send(fleet, on_lease, fleet) != 0)
		leader_on_failure(&fleet->leader, now_ms);
}

/* "redis_version:7\r\nrun_id:abc\r\n": the value of one line. */
static void
info_value(const char *info, const char *name, char out[FAILOVER_ID_SIZE])
{
	const char *at = strstr(info, name);
	size_t len;

	out[0] = '\0';
	if (at == NULL)
		return;
	at += strlen(name);
	len = strcspn(at, "\r\n");
	if (len < FAILOVER_ID_SIZE)
		(void)snprintf(out, FAILOVER_ID_SIZE, "%.*s", (int)len, at);
}

static void
on_info(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	const char *text = redis_reply_text(reply, NULL);
	char run_id[FAILOVER_ID_SIZE] = "", replid[FAILOVER_ID_SIZE] = "";
	uint64_t now = clock_mono_ms();

	if (fault == REDIS_FAULT_LOST || fleet->is_leaving)
		return;
	if (text != NULL) {
		info_value(text, "\nrun_id:", run_id);
		info_value(text, "\nmaster_replid:", replid);
	}
	if (run_id[0] == '\0')
		note_fault(fleet, "INFO", reply, fault, now);
	if (failover_on_server(&fleet->lead.failover, run_id, replid, now))
		fleet->lead.may_have_forgotten = true;
}

static void
on_reading(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	uint64_t now = clock_mono_ms();

	fleet->lead.is_reading = false;
	if (fleet->is_leaving || !leader_leads(&fleet->leader, now))
		return;
	if (redis_reply_integer(redis_reply_at(reply, 0), 0) > 0) {
		fleet->lead.faults = 0;
		fleet_read(fleet, reply, now);
		return;
	}
	note_fault(fleet, "reading", reply, fault, now);
	if (fault != REDIS_FAULT_LOST && ++fleet->lead.faults >= FAULTS_MAX)
		fleet_lead_resign(fleet);
}

static void
read_all(struct fleet *fleet, uint64_t now_ms)
{
	struct fleet_lead *lead = &fleet->lead;

	/* The server first: what it says must be known to the decision. */
	fleet_args_command(&fleet->args, "INFO");
	if (fleet_send(fleet, on_info, fleet) != 0)
		return;
	fleet_args_eval(&fleet->args, fleet_script_read, 6);
	fleet_key(fleet, "nodes");
	fleet_key(fleet, "paused");
	fleet_key(fleet, "ack");
	fleet_key(fleet, "events");
	fleet_key(fleet, "leader");
	fleet_key(fleet, "summary");
	fleet_key(fleet, "node:");
	fleet_args_number(&fleet->args,
	    lead->has_history ? 0 : FAILOVER_SPAN_MS);
	fleet_args_text(&fleet->args, fleet->token_text);
	if (fleet_send(fleet, on_reading, fleet) != 0)
		return;
	lead->is_reading = true;
	lead->read_sent_ms = now_ms;
}

void
fleet_lead_tick(struct fleet *fleet, uint64_t now_ms)
{
	const struct settings_fleet *set = &fleet->sup->conf.settings.fleet;
	struct fleet_lead *lead = &fleet->lead;

	/* Both may be changed by a reload. */
	lead->failover.expiry_ms = set->membership.lease_ms;
	lead->failover.max_per_hour = set->membership.max_failovers_per_hour;
	if (redis_link_state(fleet->link) != REDIS_LINK_READY)
		return;
	/* Who is not a member, or is leaving, does not lead. */
	if (fleet->place != FLEET_JOINED || fleet->is_rejoining)
		return;
	ask_for_lease(fleet, now_ms);
	if (!leader_leads(&fleet->leader, now_ms) || lead->is_reading ||
	    (!lead->is_any_late &&
		now_ms + FLEET_TICK_MS / 2 < lead->read_sent_ms + READ_MS))
		return;
	read_all(fleet, now_ms);
	fleet_purge_tick(fleet);
}
