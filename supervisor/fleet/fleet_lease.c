/* SPDX-License-Identifier: ISC */
/*
 * The node's lease (see fleet_lease.h).
 */
#include "supervisor/fleet/fleet_lease.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/random.h"
#include "proto/redis_names.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_news.h"
#include "supervisor/fleet/fleet_scripts.h"
#include "supervisor/startup.h"
#include "supervisor/supervisor.h"

#define RENEW_MS 1000u
/* The list of members is the larger part: every second time. */
#define MEMBERS_EVERY 2u
#define INCARNATION   "incarnation"
/* The relay stands in for a supervisor within less. */
#define STILL_MS 3500u

/* In state_dir: so that our next life knows that it is not somebody else. */
static int
state_path(const struct fleet *fleet, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/" INCARNATION,
	    fleet->sup->conf.settings.node.state_dir);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static uint64_t
read_previous(const struct fleet *fleet)
{
	char path[512], text[64];
	size_t len;

	if (state_path(fleet, path, sizeof(path)) != 0 ||
	    fd_read_file(path, text, sizeof(text), &len) != 0)
		return 0;
	return strtoull(text, NULL, 16);
}

static void
write_incarnation(const struct fleet *fleet)
{
	struct run_dir dir = { .lock = -1 };
	char text[24];
	int rc;

	(void)snprintf(dir.path, sizeof(dir.path), "%s",
	    fleet->sup->conf.settings.node.state_dir);
	(void)snprintf(text, sizeof(text), "%016" PRIx64 "\n",
	    fleet->incarnation);
	rc = run_dir_store(&dir, INCARNATION, text, strlen(text), 0600);
	if (rc != 0)
		log_warn("incarnation_unsaved",
		    "after a crash the node waits for its own lease to end",
		    log_errno(rc));
}

void
fleet_lease_init(struct fleet *fleet)
{
	_Atomic uint64_t *shared = &fleet->sup->node.shared->incarnation;

	/* The slots' memory has it when they live on. */
	fleet->incarnation = atomic_load(shared);
	if (fleet->incarnation != 0)
		return;
	fleet->previous = read_previous(fleet);
	while (fleet->incarnation == 0)
		fleet->incarnation = random_u64();
	atomic_store(shared, fleet->incarnation);
	write_incarnation(fleet);
}

void
fleet_lease_admit(struct fleet *fleet)
{
	if (!fleet->is_waiting)
		return;
	fleet->is_waiting = false;
	event_del(fleet->refusal);
	supervisor_admitted(fleet->sup);
}

/* The relay removes what an earlier life left, before it writes routes.  Once
 * it has, whatever happens to it or to Redis is no reason to join again. */
static bool
has_purged(const struct fleet *fleet)
{
	return atomic_load(&fleet->sup->node.shared->purged) ==
	    fleet->incarnation;
}

enum member_state
fleet_lease_state(const struct fleet *fleet)
{
	const struct supervisor *sup = fleet->sup;

	if (fleet->is_leaving)
		return MEMBER_LEFT;
	if (fleet->is_rejoining || !has_purged(fleet) ||
	    sup->lifecycle.state == LIFECYCLE_STARTING)
		return MEMBER_JOINING;
	if (sup->lifecycle.state > LIFECYCLE_READY || fleet_is_cut_off(sup))
		return MEMBER_DRAINING;
	return MEMBER_HEALTHY;
}

static void
put_fields(struct fleet *fleet)
{
	const struct supervisor *sup = fleet->sup;
	const struct settings *set = &sup->conf.settings;
	const struct listener *peers = &sup->listeners.peers;
	double rate = sup->rates.per_second[RATE_HANDSHAKES];
	struct fleet_args *args = &fleet->args;
	char peer[REDIS_NAMES_PEER] = "";

	if (peers->fd != -1)
		redis_names_peer(peers->address, peers->port, peer);
	fleet_args_text(args, "peer");
	fleet_args_text(args, peer);
	fleet_args_text(args, "region");
	fleet_args_text(args, set->node.region);
	fleet_args_text(args, "version");
	fleet_args_text(args, HOLDFAST_VERSION);
	fleet_args_field(args, "capacity", sup->capacity.node);
	fleet_args_field(args, "count", node_open(&sup->node));
	/* Before it knows of any it takes what it can, for a moment. */
	fleet_args_field(args, "limit",
	    fleet->summary.is_known ? atomic_load(&sup->node.shared->capacity) :
				      0);
	fleet_args_field(args, "held", fleet->summary.held);
	fleet_args_text(args, "rate");
	fleet_args_real(args, rate);
	if (rate > fleet->best_rate)
		fleet->best_rate = rate;
	fleet_args_text(args, "best");
	fleet_args_real(args, fleet->best_rate);
	fleet_args_field(args, "budget", set->admission.handshakes_per_second);
}

static void
on_refused(struct fleet *fleet)
{
	const struct settings *set = &fleet->sup->conf.settings;

	if (!fleet->is_waiting) {
		supervisor_event(fleet->sup, "node_id_taken", -1, NULL,
		    set->node.id, 0);
		log_error("node_id_taken",
		    "another node renews the lease of this id; give each node "
		    "a node.id of its own",
		    log_text("node", set->node.id));
		return;
	}
	fleet->is_waiting = false;
	event_del(fleet->refusal);
	log_error("node_id_taken",
	    "another node of the fleet runs with this node.id; give each node "
	    "one of its own",
	    log_text("node", set->node.id),
	    log_text("fleet", set->redis.fleet));
	fleet->sup->exit_code = 1;
	fleet->is_leaving = true;
	lifecycle_stop(fleet->sup, false);
}

/* Somebody has our id.  One who renews his lease lives; an old lease ends. */
static void
on_taken(struct fleet *fleet, uint64_t beat_ms, uint64_t now_ms)
{
	bool has_renewed = fleet->taken_beat_ms != 0 &&
	    beat_ms != fleet->taken_beat_ms;
	bool is_first = fleet->place != FLEET_TAKEN;

	fleet->place = FLEET_TAKEN;
	if (fleet->taken_beat_ms != beat_ms)
		fleet->taken_since_ms = now_ms;
	fleet->taken_beat_ms = beat_ms;
	if (has_renewed && !fleet->is_refused) {
		fleet->is_refused = true;
		on_refused(fleet);
	} else if (is_first)
		log_warn("node_id_waits",
		    "the lease of this node.id has not ended yet",
		    log_text("node", fleet->sup->conf.settings.node.id));
}

static void
take_members(struct fleet *fleet, const struct redisReply *reply)
{
	size_t len = 0;
	const char *text = redis_reply_text(reply, &len);

	if (text == NULL || len == 0)
		return;
	if (fleet_members_parse(&fleet->members, text, len) == 0)
		fleet_cut_save(fleet, text, len);
}

static double
real_at(const struct redisReply *reply, size_t i)
{
	const char *text = redis_reply_text(redis_reply_at(reply, i), NULL);
	double number = text == NULL ? 0 : strtod(text, NULL);

	return number > 0 && number < 1e18 ? number : 0;
}

static void
copy_at(const struct redisReply *reply, size_t i, char *out, size_t size)
{
	const char *text = redis_reply_text(redis_reply_at(reply, i), NULL);

	(void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void
take_summary(struct fleet *fleet, const struct redisReply *reply)
{
	struct fleet_summary *summary = &fleet->summary;

	take_members(fleet, redis_reply_at(reply, 8));
	fleet_news_take(fleet, redis_reply_at(reply, 9));
	fleet_observe_take(fleet, redis_reply_at(reply, 10));
	/* After a FLUSHALL there is none: what we know holds. */
	if (redis_reply_number_at(reply, 2) == 0)
		return;
	summary->is_known = true;
	/* An older replica has an older one. */
	if (redis_reply_number_at(reply, 2) > summary->epoch)
		summary->epoch = redis_reply_number_at(reply, 2);
	summary->held = redis_reply_number_at(reply, 3);
	summary->level = redis_reply_number_at(reply, 4);
	summary->storm.until_ms = redis_reply_number_at(reply, 5);
	summary->at_ms = redis_reply_number_at(reply, 7);
	copy_at(reply, 6, summary->hold, sizeof(summary->hold));
	copy_at(reply, 11, summary->leader, sizeof(summary->leader));
	copy_at(reply, 12, summary->paused, sizeof(summary->paused));
	/* That is by now what Redis knows, unless we are to see to it. */
	if (!leader_leads(&fleet->leader, clock_mono_ms()))
		fleet->lead.may_have_forgotten = false;
	summary->expired = redis_reply_number_at(reply, 13);
	copy_at(reply, 14, summary->missing, sizeof(summary->missing));
	summary->effective = real_at(reply, 15);
	summary->storm.window_ms = redis_reply_number_at(reply, 16);
	summary->storm.displaced = redis_reply_number_at(reply, 17);
	summary->storm.spare = real_at(reply, 18);
	summary->storm.announced_ms = redis_reply_number_at(reply, 19);
	fleet_apply(fleet->sup);
}

static void
on_joined(struct fleet *fleet, const struct redisReply *reply)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, fleet->incarnation);
	if (fleet->place != FLEET_JOINED)
		log_notice("fleet_joined", NULL,
		    log_text("fleet", fleet->sup->conf.settings.redis.fleet),
		    log_text("incarnation", text));
	fleet->place = FLEET_JOINED;
	fleet->taken_beat_ms = 0;
	fleet->is_refused = false;
	fleet->renewals++;
	if (fleet->is_rejoining && has_purged(fleet))
		fleet->is_rejoining = false;
	fleet_lease_admit(fleet);
	take_summary(fleet, reply);
}

static void
on_renewed(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct fleet *fleet = arg;
	uint64_t now = clock_mono_ms();
	const char *word;

	fleet->is_renewing = false;
	if (fault == REDIS_FAULT_LOST || fleet->is_leaving)
		return;
	word = redis_reply_text(redis_reply_at(reply, 0), NULL);
	if (fault != REDIS_FAULT_NONE || word == NULL) {
		const char *error = redis_reply_error(reply);

		log_warn("lease_not_renewed", "again in a second",
		    log_text("answer", error == NULL ? "nonsense" : error));
		return;
	}
	fleet->heard_ms = now;
	fleet->lost_ms = 0;
	/* Whoever comes to lead knows what happened before. */
	failover_on_time(&fleet->lead.failover, redis_reply_number_at(reply, 1),
	    fleet->renew_sent_ms, now);
	fleet->ahead_ms = (int64_t)(redis_reply_number_at(reply, 1) -
	    (fleet->renew_sent_ms + (now - fleet->renew_sent_ms) / 2));
	if (strcmp(word, "ok") == 0) {
		on_joined(fleet, reply);
	} else if (strcmp(word, "taken") == 0) {
		on_taken(fleet, redis_reply_number_at(reply, 2), now);
	} else if (strcmp(word, "dead") == 0 && !fleet->is_rejoining) {
		fleet->is_rejoining = true;
		fleet->renew_next_ms = now;
		log_warn("declared_dead", "the node joins again");
		supervisor_event(fleet->sup, "declared_dead", -1, NULL, NULL,
		    0);
	}
}

/* The beat of our own earlier life, if it is one: nobody has renewed it for so
 * long that neither a supervisor nor a relay can be there.  0: none. */
static uint64_t
still_beat(const struct fleet *fleet, uint64_t now_ms)
{
	return fleet->place == FLEET_TAKEN &&
		now_ms - fleet->taken_since_ms >= STILL_MS ?
	    fleet->taken_beat_ms :
	    0;
}

static void
renew(struct fleet *fleet, uint64_t now_ms)
{
	const struct settings *set = &fleet->sup->conf.settings;
	struct fleet_args *args = &fleet->args;
	/* Without any list it could not find out that it is cut off. */
	bool wants_members = fleet->members.count == 0 ||
	    fleet->renewals % MEMBERS_EVERY == 0;

	fleet_args_eval(args, fleet_script_renew, 6);
	fleet_key_of(fleet, "node", set->node.id);
	fleet_key(fleet, "nodes");
	fleet_key(fleet, "summary");
	fleet_key(fleet, "events");
	fleet_key(fleet, "asks");
	fleet_key_of(fleet, "routes", set->node.id);
	fleet_args_text(args, set->node.id);
	fleet_args_hex(args, fleet->incarnation);
	fleet_args_text(args, member_state_name(fleet_lease_state(fleet)));
	fleet_args_number(args, set->fleet.membership.lease_ms);
	fleet_args_text(args, wants_members ? "1" : "0");
	if (fleet->previous != 0)
		fleet_args_hex(args, fleet->previous);
	else
		fleet_args_text(args, "");
	fleet_args_text(args, fleet->news_id);
	fleet_args_number(args, still_beat(fleet, now_ms));
	put_fields(fleet);
	if (fleet_send(fleet, on_renewed, fleet) != 0)
		return;
	fleet->is_renewing = true;
	fleet->renew_sent_ms = now_ms;
	fleet->renew_next_ms = now_ms + RENEW_MS;
}

uint64_t
fleet_lease_due_since(const struct fleet *fleet)
{
	return fleet->heard_ms != 0 ? fleet->heard_ms : fleet->up_ms;
}

void
fleet_lease_tick(struct fleet *fleet, uint64_t now_ms)
{
	uint64_t since = fleet_lease_due_since(fleet);

	/* Two answers in a row are missing. */
	if (fleet->lost_ms == 0 && since != 0 &&
	    now_ms - since > 5 * RENEW_MS / 2)
		fleet->lost_ms = since;
	if (fleet->is_renewing || fleet->is_leaving ||
	    now_ms + FLEET_TICK_MS / 2 < fleet->renew_next_ms ||
	    redis_link_state(fleet->link) != REDIS_LINK_READY)
		return;
	renew(fleet, now_ms);
}

bool
fleet_is_taken(const struct supervisor *sup)
{
	return sup->fleet != NULL && sup->fleet->place == FLEET_TAKEN;
}

void
fleet_leave(struct supervisor *sup)
{
	struct fleet *fleet = sup->fleet;

	if (fleet == NULL || fleet->is_leaving)
		return;
	fleet_permit_leave(fleet);
	fleet->is_leaving = true;
	fleet_lead_resign(fleet);
	/* Only who has joined can leave: the id may be another node's. */
	if (fleet->place == FLEET_JOINED)
		renew(fleet, clock_mono_ms());
}
