/* SPDX-License-Identifier: ISC */
/*
 * This node's membership in a fleet: its link to Redis, its lease, what the
 * leader publishes, and the leading when that falls to us.  Only with
 * redis.url.  Redis may be slow, away, flushed or full of nonsense: then the
 * node serves on with what it knew last.
 */
#ifndef HOLDFAST_FLEET_FLEET_H
#define HOLDFAST_FLEET_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "lib/line_port.h"
#include "lib/redis_link.h"
#include "supervisor/fleet/fleet_args.h"
#include "supervisor/fleet/fleet_cut.h"
#include "supervisor/fleet/fleet_lead.h"
#include "supervisor/fleet/fleet_member.h"
#include "supervisor/fleet/fleet_observe.h"
#include "supervisor/fleet/fleet_permit.h"
#include "supervisor/fleet/fleet_summary.h"
#include "supervisor/fleet/leader.h"

struct supervisor;

enum fleet_place {
	FLEET_ASKING, /* Redis has not answered yet */
	FLEET_JOINED,
	FLEET_TAKEN, /* another node has our id */
	FLEET_PLACE_MAX
};

struct fleet {
	struct supervisor *sup;	 /* borrowed */
	struct redis_link *link; /* owned */
	struct event *tick;	 /* owned */
	struct event *refusal;	 /* owned: the start waits for an answer */
	struct line_port peer;	 /* says a peer_line */
	struct fleet_args args;	 /* of the command being put together */
	uint64_t incarnation;
	uint64_t previous; /* the one before it, 0: none */
	enum fleet_place place;
	bool is_waiting; /* slots are not started yet */
	bool is_rejoining;
	bool is_leaving;
	bool is_told;		 /* that Redis is away */
	bool is_refused;	 /* the holder of our id has been seen alive */
	uint64_t taken_beat_ms;	 /* of the lease that has our id */
	uint64_t taken_since_ms; /* our clock: that beat has been seen since */
	bool is_renewing;
	uint64_t renew_sent_ms;
	uint64_t renew_next_ms;
	uint64_t renewals;
	uint64_t up_ms;	   /* our clock: when the link was up first */
	uint64_t heard_ms; /* when Redis last took a renewal; 0: never */
	uint64_t lost_ms;  /* since when it has not; 0: it does */
	int64_t ahead_ms;  /* Redis' clock less ours */
	struct fleet_summary summary;
	struct fleet_members members; /* as published */
	struct leader leader;
	struct leader_token token;
	char token_text[LEADER_TOKEN_SIZE]; /* "": we do not lead */
	struct fleet_lead lead;
	struct fleet_cut cut;
	struct fleet_probe observe[FLEET_OBSERVE_MAX]; /* for the leader */
	char news_id[48]; /* of the fleet's event seen last */
	bool in_storm;	  /* and that has been told */
	double best_rate; /* handshakes a second that we have seen here */
	struct fleet_permit drain;
	struct fleet_permit upgrade;
};

/*
 * Joins, if there is a fleet.  is_new: the slots are empty and not started yet;
 * supervisor_admitted() is called when they may be, at once or within seconds,
 * or the node ends because its id is taken.  -errno.
 */
int fleet_start(struct supervisor *sup, bool is_new);
void fleet_stop(struct supervisor *sup);

/* The node begins to stop: it leaves the fleet. */
void fleet_leave(struct supervisor *sup);
/* The settings have changed: what they say of the link. */
void fleet_apply_settings(struct supervisor *sup);

/* How many connections the node may hold, of those it could. */
uint32_t fleet_capacity(const struct supervisor *sup, uint32_t possible);
/* Cut off from a fleet that goes on without us? */
bool fleet_is_cut_off(const struct supervisor *sup);
/* The fleet's limits, its storm, or that we are cut off from it: into the
 * node's memory, where the gateways see it. */
void fleet_apply(struct supervisor *sup);

/* Sends what has been put into fleet->args.  -errno: there is no call. */
int fleet_send(struct fleet *fleet, redis_link_cb *cb, void *arg);
/* "{fleet}:<what>" as the next word. */
void fleet_key(struct fleet *fleet, const char *what);
/* "{fleet}:<what>:<node>" */
void fleet_key_of(struct fleet *fleet, const char *what, const char *node);
/* Something for `holdfastctl events`, and for the fleet's stream. */
void fleet_event(struct fleet *fleet, const char *kind, const char *node,
    const char *text, int64_t value);
/* Redis' clock now, as far as we know. */
uint64_t fleet_redis_ms(const struct fleet *fleet, uint64_t now_ms);

const char *fleet_place_name(enum fleet_place place);

#endif
