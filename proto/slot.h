/* SPDX-License-Identifier: ISC */
/*
 * The slot header: the first pages of a slot's table memfd.  A slot is all
 * that outlives a process; its header is what the next tenant, the keeper and
 * the supervisor need to know of it.  Written by the slot's own keeper and
 * tenant, and by the supervisor in the fields that say so; read by everybody.
 * Readers outside the slot copy, then check: the header of a compromised
 * gateway must not be able to hurt relay or supervisor.
 */
#ifndef HOLDFAST_PROTO_SLOT_H
#define HOLDFAST_PROTO_SLOT_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/commit.h"
#include "proto/counters.h"
#include "proto/journal.h"
#include "proto/slot_fd.h"

#define SLOT_MAGIC	  0x31544c5344464c48ULL /* "HLFDSLT1" */
#define SLOT_LAYOUT	  1u
#define SLOT_MAX_WORKERS  64u
#define SLOT_HEADER_BYTES (64u * 1024)
#define SLOT_SCRATCH_IN	  (64u * 1024)
#define SLOT_SCRATCH_OUT  (128u * 1024)

enum slot_kind {
	SLOT_KIND_GATEWAY = 1,
	SLOT_KIND_RELAY,
	SLOT_KIND_AUDIT,
};

enum tenant_state {
	TENANT_NONE,
	TENANT_ADOPTING,
	TENANT_SERVING,
	TENANT_DRAINING,
	TENANT_LEAVING,
	TENANT_STATE_MAX
};

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
	_Atomic uint64_t owner;	 /* generation that may touch the fds */
	uint32_t generation;	 /* tenants started so far; keeper */
	int32_t last_exit;	 /* exit code, or minus the signal; keeper */
	uint32_t crashes_in_row; /* keeper: for the back-off */
	uint32_t unattributed;	 /* deaths no connection explains */
	uint64_t died_ns;	 /* CLOCK_MONOTONIC, keeper, at the death */
	uint64_t served_ns;	 /* tenant, when it served again */

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
	_Atomic uint32_t live;	     /* records in use */
	_Atomic uint32_t arena_used_kib;
	_Atomic uint32_t arena_limit_kib;
	_Atomic uint32_t resync_wanted; /* bumped when ring up overflows */

	/* How the keeper logs: enum log_level and log_format; supervisor. */
	_Atomic uint32_t log_level;
	_Atomic uint32_t log_format;

	/* A broadcast under way: position in the ring and next record. */
	uint64_t broadcast_seq;
	_Atomic uint32_t broadcast_next;
	_Atomic uint32_t kick_rec; /* to be closed with 4001, or RECORD_NONE */
	uint32_t kick_gen;
	uint32_t epoch; /* bumped when a slot is started empty */
	_Atomic uint64_t
	    ring_applied; /* last ring-down entry that took effect */

	struct step step __attribute__((aligned(64)));
	/* [0] for STEP_EFFECT, [1] for STEP_PARKED: the one in force is never
	 * written to */
	struct journal journal[2] __attribute__((aligned(64)));
	struct counters counters __attribute__((aligned(64)));
	struct slot_fd fds[SLOT_MAX_FDS] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct slot_header) <= SLOT_HEADER_BYTES,
    "the slot header fits its pages");

const char *slot_kind_name(uint32_t kind);
const char *tenant_state_name(uint32_t state);

#endif
