/* SPDX-License-Identifier: ISC */
/*
 * The layout of the slot header in this version of holdfast.  Whatever changes
 * here, behind the common part, is another SLOT_LAYOUT, and this one is then
 * kept for proto/table_layout.c.  Included by proto/slot.h alone.
 */
#ifndef HOLDFAST_PROTO_SLOT_HEADER_H
#define HOLDFAST_PROTO_SLOT_HEADER_H

#include "proto/counters.h"
#include "proto/journal.h"
#include "proto/slot_fd.h"

#define SLOT_LAYOUT	  3u
#define SLOT_HEADER_BYTES (64u * 1024)

/*
 * Up to SLOT_COMMON_BYTES it is the same in every layout: what a supervisor
 * must know of slots that another version of holdfast serves, until it has
 * moved them.
 */
struct slot_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t kind; /* enum slot_kind */
	uint32_t slot;
	uint32_t table_bytes_hi; /* table size = hi << 32 | lo */
	uint32_t table_bytes_lo;
	uint32_t capacity; /* records */
	uint64_t nonce;
	uint8_t hash_key[32]; /* the node's, for client ids and addresses */

	/* Liveness.  heartbeat: bumped each loop turn by the tenant. */
	_Atomic uint64_t heartbeat;
	_Atomic uint32_t tenant_state; /* enum tenant_state */
	_Atomic uint32_t tenant_pid;
	_Atomic uint32_t keeper_pid;
	/* supervisor writes 1 before SIGABRT; keeper, at each death, 2 if that
	 * was it and 0 otherwise: the next tenant sees how the last one died */
	_Atomic uint32_t killed_for_stall;
	_Atomic uint64_t owner;	 /* who may touch the fds; slot_owner.h */
	uint32_t generation;	 /* tenants started so far; keeper */
	int32_t last_exit;	 /* exit code, or minus the signal; keeper */
	uint32_t crashes_in_row; /* keeper: for the back-off */
	uint32_t unattributed;	 /* deaths no connection explains */
	uint64_t died_ns;	 /* CLOCK_MONOTONIC, keeper, at the death */
	uint64_t served_ns;	 /* tenant, when it served again */

	_Atomic uint32_t live; /* records in use */
	_Atomic uint32_t arena_used_kib;
	_Atomic uint32_t arena_limit_kib;
	/* How the keeper logs: enum log_level and log_format; supervisor. */
	_Atomic uint32_t log_level;
	_Atomic uint32_t log_format;
	uint32_t epoch; /* bumped when a slot is started empty */
	/* A message with the socket of a handoff is in the tenant's channel;
	 * supervisor. */
	_Atomic uint32_t handoff_wanted;
	uint32_t unused; /* 0 */
	/* The common part ends here. */

	/* The keeper's restart policy, written by the tenant from its settings:
	 * a keeper parses nothing.  crash_window_ms 0: not written yet. */
	_Atomic uint32_t backoff_ms;
	_Atomic uint32_t backoff_max_ms;
	_Atomic uint32_t crash_window_ms;
	_Atomic uint64_t orphan_since_ms; /* tenant: alone since; 0: not */

	/* Where the last tenant died, to tell a repeat. */
	uint32_t death_rec;
	uint32_t death_gen;
	uint32_t death_kind;
	uint32_t death_count;

	/* Index geometry, switched by one store: half << 31 | count of switches
	 * (so that no value comes back soon) << 8 | log2(entries). */
	_Atomic uint32_t index_word;
	_Atomic uint32_t high_water; /* records [0, high_water) may be in use */
	_Atomic uint32_t resync_wanted; /* bumped when ring up overflows */

	/* A broadcast under way: position in the ring and next record. */
	uint64_t broadcast_seq;
	_Atomic uint32_t broadcast_next;
	_Atomic uint32_t kick_rec; /* to be closed with 4001, or RECORD_NONE */
	uint32_t kick_gen;
	_Atomic uint64_t
	    ring_applied; /* last ring-down entry that took effect */
	_Atomic int32_t keeper_channel; /* which the keeper looks at, or did */

	/* Not ours yet, see SLOT_FD_GIVEN_TABLE. */
	_Atomic uint32_t handoff_taking;
	uint64_t handoff_token; /* the owner word that was to be changed */

	struct step step __attribute__((aligned(64)));
	/* [0] for STEP_EFFECT, [1] for STEP_PARKED: the one in force is never
	 * written to */
	struct journal journal[2] __attribute__((aligned(64)));
	struct counters counters __attribute__((aligned(64)));
	struct slot_fd fds[SLOT_MAX_FDS] __attribute__((aligned(64)));
	struct slot_redis redis; /* of a relay; likewise: */
	struct slot_inbox inbox;
};

#endif
