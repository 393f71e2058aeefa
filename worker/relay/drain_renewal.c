/* SPDX-License-Identifier: ISC */
/*
 * The drain lease of this node (see drain_renewal.h).  It is renewed whether
 * the supervisor is there or not, since the shortest lease may be over before
 * it is known to be away.
 */
#include "worker/relay/drain_renewal.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/clock.h"
#include "proto/redis_names.h"
#include "worker/relay/relay.h"

/* An entry is "<token> <connections> <expires>".  Only what holds can last on:
 * what is over, or another's, the supervisor has to ask for anew.
 * KEYS: drains; ARGV: id, token, connections, ms. */
static const char extend[] =
    "local v=redis.call('HGET',KEYS[1],ARGV[1]) "
    "local t,e=string.match(v or '','^(%S+) %d+ (%d+)$') "
    "local r=redis.call('TIME') "
    "local now=r[1]*1000+math.floor(r[2]/1000) "
    "if t~=ARGV[2] or tonumber(e)<=now then return 0 end "
    "redis.call('HSET',KEYS[1],ARGV[1],string.format('%s %d %d',t,"
    "tonumber(ARGV[3]),now+tonumber(ARGV[4]))) return 1";

void
drain_renewal_start(struct drain_renewal *renewal, struct relay *relay)
{
	renewal->relay = relay;
}

static bool
is_wanted(const struct relay *relay, uint64_t now_ms)
{
	const struct node *node = &relay->worker->node;
	const struct node_shared *shared = node->shared;

	return atomic_load(&shared->drain.state) == NODE_DRAIN_CLOSING &&
	    node_connections(node) > 0 &&
	    !node_permit_is_over(&shared->permit, &shared->drain, now_ms);
}

static void
on_renewed(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct drain_renewal *renewal = arg;
	struct relay *relay = renewal->relay;
	struct node_permit *permit = &relay->worker->node.shared->permit;

	renewal->is_asking = false;
	if (fault != REDIS_FAULT_NONE || redis_reply_integer(reply, 0) != 1)
		return;
	/* Gateways that stand still by now do so until a supervisor has them go
	 * on with the time that was left. */
	if (atomic_load(&permit->drain) == renewal->drain &&
	    is_wanted(relay, clock_mono_ms()))
		node_permit_extend(permit, renewal->asked_ms,
		    relay->worker->settings.fleet.membership.lease_ms);
}

static void
renew(struct drain_renewal *renewal)
{
	struct relay *relay = renewal->relay;
	const struct settings *set = &relay->worker->settings;
	const struct node *node = &relay->worker->node;
	char drains[REDIS_NAMES_MAX], token[REDIS_NAMES_TOKEN], left[16];
	char ms[24];
	const char *words[] = { "EVAL", extend, "1", drains, set->node.id,
		token, left, ms, NULL };

	redis_names_fleet(&set->redis, "drains", drains);
	redis_names_token(atomic_load(&node->shared->incarnation),
	    renewal->drain, token);
	(void)snprintf(left, sizeof(left), "%" PRIu32, node_connections(node));
	(void)snprintf(ms, sizeof(ms), "%" PRIu64,
	    set->fleet.membership.lease_ms);
	renewal->is_asking = backplane_command(&relay->backplane, on_renewed,
				 renewal, words) == 0;
}

void
drain_renewal_tick(struct drain_renewal *renewal)
{
	struct relay *relay = renewal->relay;
	uint64_t now = clock_mono_ms();

	if (renewal->is_asking || !backplane_is_on(&relay->backplane) ||
	    !is_wanted(relay, now))
		return;
	renewal->drain = atomic_load(
	    &relay->worker->node.shared->drain.asked_real_ms);
	renewal->asked_ms = now;
	renew(renewal);
}
