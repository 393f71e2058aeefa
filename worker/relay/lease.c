/* SPDX-License-Identifier: ISC */
/*
 * The lease of a node without supervisor (see lease.h).
 */
#include "worker/relay/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "lib/cidr.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proto/peer_line.h"
#include "proto/redis_names.h"
#include "worker/relay/relay.h"

/* It beats, and renews the lease, once a second.  The shortest lease lasts two
 * of them, so the first that is missing counts; one renewal more than needed
 * harms nobody. */
#define AWAY_MS 1500u

/*
 * A lease that the supervisor wrote for these slots, neither ended nor lost,
 * lasts on.  One that Redis has lost, in a FLUSHALL or with a failover to an
 * older replica, is written anew, unless another life of the node holds it: as
 * fleet_script_renew has it.  KEYS: node, nodes; ARGV: id, incarnation, then
 * fields and values of a new one.
 */
static const char extend[] =
    "local h=redis.call('HMGET',KEYS[1],'incarnation','state','beat','lease') "
    "local t=redis.call('TIME') "
    "local now=t[1]*1000+math.floor(t[2]/1000) "
    "local over=h[2]=='dead' or h[2]=='left' "
    "if h[1]==ARGV[2] then "
    "  if over then return 0 end "
    "else "
    "  if h[1] and not over and"
    "    now-(tonumber(h[3]) or 0)<(tonumber(h[4]) or 0) then return 0 end "
    "  redis.call('DEL',KEYS[1]) "
    "  redis.call('HSET',KEYS[1],'incarnation',ARGV[2],unpack(ARGV,3)) "
    "end "
    "redis.call('HSET',KEYS[1],'beat',now) redis.call('PERSIST',KEYS[1]) "
    "redis.call('ZADD',KEYS[2],now,ARGV[1]) return 1";

void
lease_start(struct lease *lease, struct relay *relay)
{
	lease->relay = relay;
}

static void
on_renewed(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct lease *lease = arg;

	/* A Redis that refuses us is none for us. */
	if (fault == REDIS_FAULT_NONE && redis_reply_integer(reply, -1) >= 0)
		lease->heard_ms = clock_mono_ms();
}

/* What the supervisor would say, as far as the node's memory tells. */
static const char *
state_of(const struct node_shared *shared, uint64_t incarnation)
{
	if (atomic_load(&shared->purged) != incarnation)
		return "joining";
	return atomic_load(&shared->draining) != 0 ? "draining" : "healthy";
}

/* "10.0.0.4 8083"; "": there is no peer port. */
static void
peer_of(struct worker *worker, char out[REDIS_NAMES_PEER])
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct ipaddr address;
	char text[IPADDR_TEXT_SIZE];
	uint16_t port;
	int fd = worker_fd(worker, SLOT_FD_PEER_LISTENER, 0);

	out[0] = '\0';
	if (fd == -1 || getsockname(fd, (struct sockaddr *)&sa, &len) == -1 ||
	    ipaddr_from_sockaddr((struct sockaddr *)&sa, &address, &port) != 0)
		return;
	(void)ipaddr_format(&address, text);
	redis_names_peer(text, port, out);
}

static void
renew(struct lease *lease, uint64_t incarnation)
{
	struct relay *relay = lease->relay;
	struct worker *worker = relay->worker;
	const struct settings *set = &worker->settings;
	char node[REDIS_NAMES_MAX], nodes[REDIS_NAMES_MAX];
	char what[160], hex[24], ms[24], peer[REDIS_NAMES_PEER], capacity[16],
	    count[16];
	const char *words[] = { "EVAL", extend, "2", node, nodes, set->node.id,
		hex, "state", state_of(worker->node.shared, incarnation),
		"lease", ms, "peer", peer, "region", set->node.region,
		"capacity", capacity, "count", count, NULL };

	(void)snprintf(what, sizeof(what), "node:%s", set->node.id);
	(void)snprintf(hex, sizeof(hex), "%016" PRIx64, incarnation);
	(void)snprintf(ms, sizeof(ms), "%" PRIu64,
	    set->fleet.membership.lease_ms);
	(void)snprintf(capacity, sizeof(capacity), "%" PRIu32,
	    set->node.capacity);
	(void)snprintf(count, sizeof(count), "%" PRIu32,
	    node_open(&worker->node));
	peer_of(worker, peer);
	redis_names_fleet(&set->redis, what, node);
	redis_names_fleet(&set->redis, "nodes", nodes);
	/* The next tick tries again. */
	(void)!backplane_command(&relay->backplane, on_renewed, lease, words);
}

/* On the peer port, for the supervisor (proto/peer_line.h). */
static size_t
say(char out[LINE_PORT_MAX], void *arg)
{
	const struct lease *lease = arg;
	const struct worker *worker = lease->relay->worker;
	struct peer_line line = { .redis_age_ms = UINT64_MAX,
		.state = "unsupervised" };

	line.incarnation = atomic_load(&worker->node.shared->incarnation);
	if (lease->heard_ms != 0)
		line.redis_age_ms = clock_mono_ms() - lease->heard_ms;
	(void)snprintf(line.node, sizeof(line.node), "%s",
	    worker->settings.node.id);
	(void)snprintf(line.fleet, sizeof(line.fleet), "%s",
	    worker->settings.redis.fleet);
	return peer_line_format(&line, out);
}

static void
stand_in(struct lease *lease)
{
	int fd = worker_fd(lease->relay->worker, SLOT_FD_PEER_LISTENER, 0);

	lease->is_away = true;
	log_warn("lease_kept",
	    "the supervisor is away; the relay renews the lease");
	if (fd != -1 &&
	    line_port_start(&lease->port, lease->relay->worker->base, fd, say,
		lease) != 0)
		log_error("peer_failed", "other nodes get no answer");
}

static void
welcome(struct lease *lease)
{
	log_info("lease_returned", "the supervisor is back");
	lease->is_away = false;
	line_port_stop(&lease->port);
}

void
lease_tick(struct lease *lease)
{
	struct relay *relay = lease->relay;
	const struct node_shared *shared = relay->worker->node.shared;
	uint64_t beat = atomic_load(&shared->supervisor_heartbeat);
	uint64_t incarnation = atomic_load(&shared->incarnation);
	uint64_t now = clock_mono_ms();

	if (beat != lease->beat || lease->moved_ms == 0) {
		if (lease->is_away)
			welcome(lease);
		lease->beat = beat;
		lease->moved_ms = now;
		return;
	}
	if (now - lease->moved_ms < AWAY_MS || incarnation == 0 ||
	    !backplane_is_on(&relay->backplane))
		return;
	if (!lease->is_away)
		stand_in(lease);
	renew(lease, incarnation);
}
