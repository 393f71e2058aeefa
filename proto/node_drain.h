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

/* A copy of it, checked. */
struct drain_words {
	enum node_drain_state state;
	bool stops_after;
	uint32_t close_code;
	enum drain_profile profile;
	uint64_t begin_ms;
	uint64_t end_ms;
	uint64_t asked_real_ms;
	uint32_t grace_ms;
	uint32_t total;
};

void node_drain_save(struct node_drain *, const struct drain_words *);
/* -ENOENT: there is no drain; -EPROTO: no supervisor wrote that (gateways have
 * the memfd mapped and may be compromised). */
int node_drain_load(const struct node_drain *, uint64_t now_ms,
    struct drain_words *out);

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

#endif
