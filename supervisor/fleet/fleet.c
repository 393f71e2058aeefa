/* SPDX-License-Identifier: ISC */
/*
 * Membership: the link and the turn of the loop (see fleet.h); fleet_lease.c
 * has the lease.
 */
#include "supervisor/fleet/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "proto/redis_conf.h"
#include "proto/redis_names.h"
#include "proto/settings_check.h"
#include "supervisor/fleet/fleet_lease.h"
#include "supervisor/fleet/fleet_storm.h"
#include "supervisor/startup.h"
#include "supervisor/supervisor.h"

#define MAX_PENDING 4096u
/* A start waits so long for Redis to say anything at all. */
#define FIRST_WORD_MS 2000u

void
fleet_key(struct fleet *fleet, const char *what)
{
	char name[REDIS_NAMES_MAX];

	redis_names_fleet(&fleet->sup->conf.settings.redis, what, name);
	fleet_args_text(&fleet->args, name);
}

void
fleet_key_of(struct fleet *fleet, const char *what, const char *node)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%s:%s", what, node);
	fleet_key(fleet, name);
}

int
fleet_send(struct fleet *fleet, redis_link_cb *cb, void *arg)
{
	if (fleet->args.error != 0)
		return fleet->args.error;
	return redis_link_command(fleet->link, cb, arg, fleet->args.argc,
	    fleet->args.argv, fleet->args.lens);
}

uint64_t
fleet_redis_ms(const struct fleet *fleet, uint64_t now_ms)
{
	return now_ms + (uint64_t)fleet->ahead_ms;
}

void
fleet_event(struct fleet *fleet, const char *kind, const char *node,
    const char *text, int64_t value)
{
	char line[EVENT_TEXT_SIZE];

	(void)snprintf(line, sizeof(line), "node %s%s%s", node,
	    text[0] == '\0' ? "" : " ", text);
	supervisor_event(fleet->sup, kind, -1, NULL, line, value);
	fleet_args_command(&fleet->args, "XADD");
	fleet_key(fleet, "events");
	fleet_args_text(&fleet->args, "MAXLEN");
	fleet_args_text(&fleet->args, "~");
	fleet_args_text(&fleet->args, "10000");
	fleet_args_text(&fleet->args, "*");
	fleet_args_text(&fleet->args, "kind");
	fleet_args_text(&fleet->args, kind);
	fleet_args_text(&fleet->args, "node");
	fleet_args_text(&fleet->args, node);
	fleet_args_text(&fleet->args, "text");
	fleet_args_text(&fleet->args, text);
	fleet_args_text(&fleet->args, "by");
	fleet_args_text(&fleet->args, fleet->sup->conf.settings.node.id);
	if (value > 0) {
		fleet_args_text(&fleet->args, "value");
		fleet_args_number(&fleet->args, (uint64_t)value);
	}
	/* Lost when Redis is: the node's own list has it. */
	(void)!fleet_send(fleet, NULL, NULL);
}

static void
on_state(bool is_up, const char *why, void *arg)
{
	struct fleet *fleet = arg;
	uint64_t now = clock_mono_ms();

	if (is_up) {
		log_notice("fleet_redis_up", NULL,
		    log_text("address", redis_link_address(fleet->link)));
		if (fleet->is_told)
			supervisor_event(fleet->sup, "redis_up", -1, NULL, NULL,
			    (int64_t)(now - fleet->lost_ms));
		fleet->is_told = false;
		/* Redis may greet us and still refuse every renewal: it is
		 * heard when it grants one. */
		if (fleet->up_ms == 0)
			fleet->up_ms = now;
		fleet->renew_next_ms = now;
		fleet_lead_connected(fleet, now);
		fleet_lease_tick(fleet, now);
		return;
	}
	if (redis_link_is_news(fleet->link))
		log_warn("fleet_redis_down", "the node serves on",
		    log_text("why", why));
	if (!fleet->is_told)
		supervisor_event(fleet->sup, "redis_down", -1, NULL, why, 0);
	fleet->is_told = true;
	if (fleet->lost_ms == 0)
		fleet->lost_ms = fleet_lease_due_since(fleet);
	if (fleet->lost_ms == 0)
		fleet->lost_ms = now;
}

static size_t
say_who_we_are(char out[LINE_PORT_MAX], void *arg)
{
	const struct fleet *fleet = arg;
	const struct supervisor *sup = fleet->sup;
	struct peer_line line = { .incarnation = fleet->incarnation };

	line.redis_age_ms = fleet->heard_ms == 0 ?
	    UINT64_MAX :
	    clock_mono_ms() - fleet->heard_ms;
	(void)snprintf(line.state, sizeof(line.state), "%s",
	    lifecycle_state_name(sup->lifecycle.state));
	(void)snprintf(line.node, sizeof(line.node), "%s",
	    sup->conf.settings.node.id);
	(void)snprintf(line.fleet, sizeof(line.fleet), "%s",
	    sup->conf.settings.redis.fleet);
	return peer_line_format(&line, out);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fleet *fleet = arg;
	uint64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	fleet_lease_tick(fleet, now);
	fleet_cut_tick(fleet, now);
	fleet_permit_tick(fleet, now);
	fleet_storm_apply(fleet->sup);
	if (!fleet->is_leaving)
		fleet_lead_tick(fleet, now);
}

static void
on_no_answer(evutil_socket_t fd, short what, void *arg)
{
	struct fleet *fleet = arg;

	(void)fd;
	(void)what;
	/* Somebody had our id, and may have it still: only Redis knows. */
	if (fleet->place == FLEET_TAKEN) {
		log_warn("node_id_waits", "Redis has to say whose it is",
		    log_text("redis", redis_link_problem(fleet->link)));
		return;
	}
	log_warn("fleet_unheard", "the node starts without it",
	    log_text("redis", redis_link_problem(fleet->link)));
	fleet_lease_admit(fleet);
}

static int
open_link(struct fleet *fleet)
{
	const struct settings_redis *set = &fleet->sup->conf.settings.redis;
	struct redis_link_conf conf = redis_conf_of(set);
	const char *problem;

	conf.max_pending = MAX_PENDING;
	conf.on_state = on_state;
	conf.arg = fleet;
	if (redis_url_parse(set->url, &conf.url, &problem) != 0)
		return -EINVAL;
	fleet->link = redis_link_new(fleet->sup->base, &conf);
	return fleet->link == NULL ? -ENOMEM : 0;
}

static int
start_peer(struct fleet *fleet)
{
	int fd = fleet->sup->listeners.peers.fd;

	if (fd == -1) {
		log_warn("no_peer_port",
		    "this node is never declared dead: set peer.address");
		return 0;
	}
	if (settings_peer_is_hidden(&fleet->sup->conf.settings))
		log_warn("peer_on_loopback",
		    "nodes on other hosts ask themselves: set peer.address");
	return line_port_start(&fleet->peer, fleet->sup->base, fd,
	    say_who_we_are, fleet);
}

static int
open_events(struct fleet *fleet)
{
	struct timeval tick = { .tv_usec = 1000 * FLEET_TICK_MS };
	struct timeval first = { .tv_sec = FIRST_WORD_MS / 1000 };

	fleet->tick = event_new(fleet->sup->base, -1, EV_PERSIST, on_tick,
	    fleet);
	fleet->refusal = evtimer_new(fleet->sup->base, on_no_answer, fleet);
	if (fleet->tick == NULL || fleet->refusal == NULL)
		return -ENOMEM;
	if (event_add(fleet->tick, &tick) != 0 ||
	    (fleet->is_waiting && event_add(fleet->refusal, &first) != 0))
		return -ENOMEM;
	return 0;
}

int
fleet_start(struct supervisor *sup, bool is_new)
{
	const struct settings *set = &sup->conf.settings;
	struct fleet *fleet;
	int rc;

	if (set->redis.url[0] == '\0') {
		supervisor_admitted(sup);
		return 0;
	}
	fleet = calloc(1, sizeof(*fleet));
	if (fleet == NULL)
		return -ENOMEM;
	sup->fleet = fleet;
	fleet->sup = sup;
	fleet->is_waiting = is_new;
	/* The supervisor before us may have had one. */
	fleet->upgrade.is_granted = true;
	fleet_lease_init(fleet);
	fleet_storm_recall(fleet);
	leader_init(&fleet->leader, set->fleet.membership.leader_lease_ms,
	    clock_mono_ms());
	fleet_lead_init(fleet);
	fleet_cut_load(fleet);
	rc = start_peer(fleet);
	if (rc == 0)
		rc = open_link(fleet);
	if (rc == 0)
		rc = open_events(fleet);
	if (rc != 0)
		return rc;
	redis_link_start(fleet->link);
	if (!is_new)
		supervisor_admitted(sup);
	return 0;
}

void
fleet_stop(struct supervisor *sup)
{
	struct fleet *fleet = sup->fleet;

	if (fleet == NULL)
		return;
	/* Nothing of what is still owed comes back to life. */
	fleet->is_leaving = true;
	fleet_bury_clear(fleet);
	fleet_cut_clear(fleet);
	fleet_observe_clear(fleet);
	if (fleet->tick != NULL)
		event_free(fleet->tick);
	if (fleet->refusal != NULL)
		event_free(fleet->refusal);
	redis_link_free(fleet->link);
	line_port_stop(&fleet->peer);
	fleet_lead_clear(fleet);
	fleet_members_clear(&fleet->members);
	free(fleet);
	sup->fleet = NULL;
}

static uint32_t
least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

/* With Redis away, the supervisor after us would else know of no limit. */
static void
remember(const struct fleet *fleet)
{
	struct node_shared *shared = fleet->sup->node.shared;

	if (!fleet->summary.is_known)
		return;
	atomic_store(&shared->fleet_level,
	    least(fleet->summary.level, UINT32_MAX));
	atomic_store(&shared->fleet_held,
	    least(fleet->summary.held, UINT32_MAX - 1) + 1);
}

/* Gateways can write it, too: it is good for our own limit, which is bounded,
 * and is told to nobody. */
static bool
recall(const struct supervisor *sup, uint64_t *out_held, uint64_t *out_level)
{
	uint32_t held = atomic_load(&sup->node.shared->fleet_held);

	if (sup->conf.settings.redis.url[0] == '\0' || held == 0)
		return false;
	*out_held = held - 1;
	*out_level = atomic_load(&sup->node.shared->fleet_level);
	return true;
}

uint32_t
fleet_capacity(const struct supervisor *sup, uint32_t possible)
{
	const struct fleet *fleet = sup->fleet;
	const struct settings_fleet *set = &sup->conf.settings.fleet;
	struct blast_rules rules = { set->blast_radius.fraction,
		set->blast_radius.slack, set->blast_radius.floor };
	uint64_t held, level;

	if (fleet != NULL && fleet->summary.is_known) {
		held = fleet->summary.held;
		level = fleet->summary.level;
	} else if (!recall(sup, &held, &level)) {
		return possible;
	}
	return (uint32_t)blast_radius_limit(&rules, possible, held, level);
}

bool
fleet_is_cut_off(const struct supervisor *sup)
{
	return sup->fleet != NULL &&
	    partition_is_cut_off(sup->fleet->cut.state.verdict);
}

void
fleet_apply_settings(struct supervisor *sup)
{
	const struct settings_redis *set = &sup->conf.settings.redis;

	if (sup->fleet != NULL)
		redis_link_set_timeouts(sup->fleet->link,
		    (uint32_t)set->connect_timeout_ms,
		    (uint32_t)set->command_timeout_ms,
		    (uint32_t)set->ping_interval_ms);
}

void
fleet_apply(struct supervisor *sup)
{
	struct node_shared *shared = sup->node.shared;

	if (sup->fleet != NULL)
		remember(sup->fleet);
	atomic_store(&shared->capacity,
	    fleet_capacity(sup, sup->capacity.node));
	atomic_store(&shared->retry_after_ms,
	    (uint32_t)sup->conf.settings.admission.retry_after_ms);
	fleet_storm_apply(sup);
	lifecycle_apply_fleet(sup);
}

const char *
fleet_place_name(enum fleet_place place)
{
	static const char *const names[FLEET_PLACE_MAX] = {
		[FLEET_ASKING] = "asking",
		[FLEET_JOINED] = "joined",
		[FLEET_TAKEN] = "id_taken",
	};

	return (unsigned)place < FLEET_PLACE_MAX ? names[place] : "unknown";
}
