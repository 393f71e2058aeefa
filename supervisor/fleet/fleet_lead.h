/* SPDX-License-Identifier: ISC */
/*
 * Leading a fleet: read all leases, decide, publish, while our own lease as
 * the leader lasts.  fleet_bury.c declares the dead, fleet_purge.c deletes
 * their routes.
 */
#ifndef HOLDFAST_FLEET_FLEET_LEAD_H
#define HOLDFAST_FLEET_FLEET_LEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/fleet/failover.h"
#include "supervisor/fleet/fleet_limits.h"
#include "supervisor/fleet/fleet_member.h"
#include "supervisor/fleet/fleet_probe.h"
#include "supervisor/fleet/storm.h"

#define FLEET_PROBES_MAX   16u
#define FLEET_PAUSED_MAX   256
#define FLEET_MISSING_MAX  128
#define FLEET_OBSERVED_MAX 480

struct fleet;
struct supervisor;

/* Redis is being told that it is dead: one at a time. */
struct fleet_burial {
	char node[128]; /* "": none */
	uint64_t incarnation;
};

struct fleet_purge {
	char node[128]; /* "": none under way */
	uint64_t incarnation;
	uint64_t cursor;
	uint64_t routes; /* deleted so far */
	uint32_t pending;
	bool is_last; /* this batch */
	bool has_deleted;
	bool has_failed;
};

struct fleet_lead {
	struct fleet_members members;
	struct failover failover;
	uint64_t begun_ms; /* our term */
	struct fleet_limits limits;
	struct storm storm;    /* by our clock */
	uint64_t announced_ms; /* the last death that was, by Redis' clock */
	enum failover_hold hold;
	size_t expired;
	bool is_any_late;		 /* readings are to be close together */
	char paused[FLEET_PAUSED_MAX];	 /* as in Redis; "": not */
	char missing[FLEET_MISSING_MAX]; /* the expired */
	bool is_reading;
	uint64_t read_sent_ms;
	bool may_have_forgotten; /* Redis: another history, or a new link */
	uint32_t faults;	 /* readings in a row that failed */
	uint64_t fault_next_ms;	 /* not told before */
	uint64_t redis_ms;	 /* at the last reading */
	uint64_t ack_ms;  /* by Redis' clock: an operator has looked; 0: none */
	bool has_history; /* ack and deaths of the terms before ours */
	char observed[FLEET_OBSERVED_MAX]; /* of the one that is buried */
	uint64_t deaths;
	uint64_t routes_purged;
	struct fleet_probe probes[FLEET_PROBES_MAX];
	struct fleet_burial burial;
	struct fleet_purge purge;
};

void fleet_lead_init(struct fleet *fleet);
void fleet_lead_clear(struct fleet *fleet);
/* The first turn of a term: nothing is known of what came before. */
void fleet_lead_begin(struct fleet *fleet);
/* As fleet_event(), but by the leader of this term and no other. */
void fleet_lead_event(struct fleet *fleet, const char *kind, const char *node,
    const char *text);
/* Others may lead at once. */
void fleet_lead_resign(struct fleet *fleet);
/* And the supervisor that takes our place, before we end. */
void fleet_hand_over(struct supervisor *sup);
void fleet_lead_tick(struct fleet *fleet, uint64_t now_ms);
/* The link is up: the past proves nothing, nor does what is being probed. */
void fleet_lead_connected(struct fleet *fleet, uint64_t now_ms);

/* fleet_bury.c: one whose lease is over. */
void fleet_bury_probe(struct fleet *fleet, struct fleet_member *member);
/* Declares it dead, when all that has been seen of it says so. */
void fleet_bury_judge(struct fleet *fleet, struct fleet_member *member);
void fleet_bury_clear(struct fleet *fleet);
/* One that Redis says is dead, of which nobody has told; is_ours: in our term.
 */
void fleet_bury_found(struct fleet *fleet, struct fleet_member *member,
    bool is_ours, uint64_t redis_ms);
/* Forgets one that is over. */
void fleet_bury_forget(struct fleet *fleet, struct fleet_member *member);

/* fleet_purge.c: begins with the next dead node, or goes on. */
void fleet_purge_tick(struct fleet *fleet);

#endif
