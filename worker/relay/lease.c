/* SPDX-License-Identifier: ISC */
/*
 * The lease of a node without supervisor (see lease.h).
 */
#include "worker/relay/lease.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "proto/redis_names.h"
#include "worker/relay/relay.h"

/* It beats, and renews the lease, once a second.  The shortest lease lasts two
 * of them, so the first that is missing counts; one renewal more than needed
 * harms nobody. */
#define AWAY_MS 1500u

/* A lease that the supervisor wrote for these slots, neither ended nor lost,
 * lasts on.  KEYS: node, nodes; ARGV: id, incarnation. */
static const char extend[] =
    "local h=redis.call('HMGET',KEYS[1],'incarnation','state') "
    "if h[1]~=ARGV[2] or h[2]=='dead' or h[2]=='left' then return 0 end "
    "local t=redis.call('TIME') "
    "local now=t[1]*1000+math.floor(t[2]/1000) "
    "redis.call('HSET',KEYS[1],'beat',now) "
    "redis.call('ZADD',KEYS[2],now,ARGV[1]) return 1";

static void
renew(struct relay *relay, uint64_t incarnation)
{
	const struct settings *set = &relay->worker->settings;
	char node[REDIS_NAMES_MAX], nodes[REDIS_NAMES_MAX];
	char what[160], hex[24];
	const char *words[] = { "EVAL", extend, "2", node, nodes, set->node.id,
		hex, NULL };

	(void)snprintf(what, sizeof(what), "node:%s", set->node.id);
	(void)snprintf(hex, sizeof(hex), "%016" PRIx64, incarnation);
	redis_names_fleet(&set->redis, what, node);
	redis_names_fleet(&set->redis, "nodes", nodes);
	backplane_tell(&relay->backplane, words);
}

void
lease_tick(struct lease *lease, struct relay *relay)
{
	const struct node_shared *shared = relay->worker->node.shared;
	uint64_t beat = atomic_load(&shared->supervisor_heartbeat);
	uint64_t incarnation = atomic_load(&shared->incarnation);
	uint64_t now = clock_mono_ms();

	if (beat != lease->beat || lease->moved_ms == 0) {
		if (lease->is_told)
			log_info("lease_returned", "the supervisor is back");
		lease->is_told = false;
		lease->beat = beat;
		lease->moved_ms = now;
		return;
	}
	if (now - lease->moved_ms < AWAY_MS || incarnation == 0 ||
	    !backplane_is_on(&relay->backplane))
		return;
	if (!lease->is_told)
		log_warn("lease_kept",
		    "the supervisor is away; the relay renews the lease");
	lease->is_told = true;
	renew(relay, incarnation);
}
