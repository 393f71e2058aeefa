/* SPDX-License-Identifier: ISC */
/*
 * When the leader may declare a node dead.  Pure.  The default is not to: it
 * may only while Redis has been the same, and steady, for one lease expiry,
 * while few nodes are missing at a time, while it has not done so too often,
 * and while nobody said pause.
 */
#ifndef HOLDFAST_FLEET_FAILOVER_H
#define HOLDFAST_FLEET_FAILOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 40 hex digits and a NUL. */
#define FAILOVER_ID_SIZE 41

/* Redis TIME may drift from our clock by so much between two looks. */
#define FAILOVER_JUMP_MS 1000

/* So far back verdicts count against max_per_hour. */
#define FAILOVER_SPAN_MS 3600000u

enum failover_hold {
	FAILOVER_GO,
	FAILOVER_UNSETTLED, /* Redis is new, back, or its clock jumped */
	FAILOVER_PAUSED,    /* by an operator */
	FAILOVER_MASS,	    /* too many expired together */
	FAILOVER_FLAPPING,  /* too many in an hour */
	FAILOVER_HOLD_MAX
};

#define FAILOVER_HISTORY 64u

struct failover {
	uint64_t expiry_ms; /* of a node's lease */
	uint32_t max_per_hour;
	uint64_t settled_ms; /* no verdict before */
	char run_id[FAILOVER_ID_SIZE];
	char replid[FAILOVER_ID_SIZE];
	bool has_server;  /* INFO has said who it is, on this connection */
	int64_t ahead_ms; /* Redis TIME less our clock, at the last look */
	bool has_time;
	bool is_mass;
	uint64_t at_ms[FAILOVER_HISTORY]; /* verdicts, a ring */
	uint32_t next;
	uint32_t filled;
};

void failover_init(struct failover *failover, uint64_t expiry_ms,
    uint32_t max_per_hour, uint64_t now_ms);

/* The link is new: leases may have expired while nobody looked. */
void failover_on_connect(struct failover *failover, uint64_t now_ms);
/* We lead from now on: what we remember from an earlier term is out of date.
 * is_mass: the leader before us held back for that. */
void failover_begin(struct failover *failover, bool is_mass);
/* What INFO says; a change, which is true, means another history.  "": it does
 * not say, and until it does nothing is settled. */
bool failover_on_server(struct failover *failover, const char *run_id,
    const char *replid, uint64_t now_ms);
/* What TIME said, at a moment after we asked and before we knew. */
void failover_on_time(struct failover *failover, uint64_t redis_ms,
    uint64_t sent_ms, uint64_t now_ms);

/* Has Redis been the same, as far as it says who it is, and steady, for one
 * expiry? */
bool failover_is_settled(const struct failover *failover, uint64_t now_ms);

/*
 * May a verdict be given while `expired` of `members` have no lease, beside
 * those that an operator has acknowledged?  More than max(1, a tenth) hold
 * everything until all of them are back or acknowledged.  Call once a turn,
 * with 0 expired too.
 */
enum failover_hold failover_decide(struct failover *failover, size_t expired,
    size_t members, bool is_paused, uint64_t now_ms);

/* A verdict was given: by us, or by a leader before us. */
void failover_note(struct failover *failover, uint64_t now_ms);

/* An operator has looked: forget the past hour. */
void failover_acknowledge(struct failover *failover);

const char *failover_hold_name(enum failover_hold hold);

#endif
