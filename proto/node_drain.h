/* SPDX-License-Identifier: ISC */
/*
 * A drain in the node's memfd: what the next supervisor needs to go on with
 * it, and each slot's part, with which the next tenant does.  Times are
 * CLOCK_MONOTONIC, which ends with the boot as the memfd does: a step of the
 * wall clock must not turn a drain into a wave of closes.
 */
#ifndef HOLDFAST_PROTO_NODE_DRAIN_H
#define HOLDFAST_PROTO_NODE_DRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NODE_DRAIN_MAX_MS (8ull * 24 * 3600 * 1000)

enum node_drain_state {
	NODE_DRAIN_NONE,
	NODE_DRAIN_LEAVING, /* not ready, but accepting */
	NODE_DRAIN_CLOSING, /* refuses; closes are spread until end_ms */
	NODE_DRAIN_ENDING,  /* the node stops: everybody at once */
	NODE_DRAIN_STATE_MAX
};

enum drain_profile {
	DRAIN_EVACUATE, /* within minutes: drain.window */
	DRAIN_GENTLE,	/* within hours: drain.gentle_window */
	DRAIN_PROFILE_MAX
};

/* How a drain stands with the fleet, which has to permit it. */
enum drain_lease {
	DRAIN_LEASE_NONE,    /* it has not been asked, or there is none */
	DRAIN_LEASE_WAITING, /* for it, before the closes */
	DRAIN_LEASE_HELD,
	DRAIN_LEASE_PAUSED, /* it is over, and not renewed yet */
	DRAIN_LEASE_FORCED, /* none is needed: neither waits nor pauses */
	DRAIN_LEASE_MAX
};

/* The supervisor writes it: state as the last word.  All zeros: no drain. */
struct node_drain {
	_Atomic uint32_t state; /* enum node_drain_state */
	_Atomic uint32_t stops_after;
	_Atomic uint32_t close_code;
	_Atomic uint32_t profile;  /* enum drain_profile */
	_Atomic uint64_t begin_ms; /* of the closes */
	_Atomic uint64_t end_ms;
	_Atomic uint64_t asked_real_ms; /* CLOCK_REALTIME: for people */
	_Atomic uint32_t grace_ms; /* from end_ms until what is left is cut */
	_Atomic uint32_t total;	   /* connections when the closes began */
};

/*
 * The fleet's permission for it.  The supervisor writes it, and the relay when
 * it has renewed it, so that it outlives either; gateways stand still without
 * it.  It belongs to the drain that it names: a holdfastd that knows nothing of
 * these words may have begun another one since.
 */
struct node_permit {
	_Atomic uint64_t drain;	     /* its asked_real_ms; 0: none */
	_Atomic uint64_t until_ms;   /* 0: nothing has been asked for */
	_Atomic uint32_t is_forced;  /* it needs none */
	_Atomic uint32_t is_verdict; /* see node_permit_begin() */
};

/* A copy of it, checked. */
struct drain_words {
	enum node_drain_state state;
	bool stops_after;
	uint32_t close_code;
	enum drain_profile profile;
	uint64_t begin_ms, end_ms;
	uint64_t asked_real_ms;
	uint32_t grace_ms, total;
};

void node_drain_save(struct node_drain *, const struct drain_words *);
/* -ENOENT: there is no drain; -EPROTO: no supervisor wrote that (gateways have
 * the memfd mapped and may be compromised). */
int node_drain_load(const struct node_drain *, uint64_t now_ms,
    struct drain_words *out);

/* Names the drain; one that it is of already keeps until_ms.  is_verdict: the
 * node drains because it is cut off, until it is not. */
void node_permit_begin(struct node_permit *, uint64_t drain, bool is_forced,
    bool is_verdict);
bool node_permit_is_forced(const struct node_permit *, uint64_t drain);
bool node_permit_is_verdict(const struct node_permit *, uint64_t drain);
/* What was asked for at asked_ms has been granted for lease_ms: the holder
 * stands still well before others may take its place, however long the answer
 * took. */
void node_permit_extend(struct node_permit *, uint64_t asked_ms,
    uint64_t lease_ms);
/* Is this a drain that has to stand still?  One that ends in a stop never. */
bool node_permit_is_over(const struct node_permit *, const struct node_drain *,
    uint64_t now_ms);

#define NODE_SLOT_DRAIN_LEAVE  1u /* the tenant exits when it is empty */
#define NODE_SLOT_DRAIN_ACCEPT 2u /* and takes connections until then */

/* One slot's part, written by its tenant.  close_code 0: none. */
struct node_slot_drain {
	_Atomic uint64_t end_ms;
	_Atomic uint32_t close_code;
	_Atomic uint32_t flags;	 /* NODE_SLOT_DRAIN_* */
	_Atomic uint32_t closed; /* by this drain so far */
};

/* When a slot is started empty, or its drain is undone. */
void node_slot_drain_forget(struct node_slot_drain *);

const char *drain_profile_name(enum drain_profile);
/* -EINVAL */
int drain_profile_parse(const char *text, enum drain_profile *out);
const char *drain_lease_name(enum drain_lease);
/* A word that is none of them reads DRAIN_LEASE_NONE. */
enum drain_lease drain_lease_parse(const char *text);

#endif
