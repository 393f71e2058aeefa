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

#include "proto/counters.h"
#include "proto/record.h"

#define SLOT_MAGIC	  0x31544c5344464c48ULL /* "HLFDSLT1" */
#define SLOT_LAYOUT	  1u
#define SLOT_MAX_WORKERS  64u
#define SLOT_MAX_FDS	  512u
#define SLOT_HEADER_BYTES (64u * 1024)
#define SLOT_SCRATCH_IN	  (64u * 1024)
#define SLOT_SCRATCH_OUT  (128u * 1024)

enum slot_kind {
	SLOT_KIND_GATEWAY = 1,
	SLOT_KIND_RELAY,
	SLOT_KIND_AUDIT,
};

/* What an fd of the slot is; `index` tells several of one kind apart. */
enum slot_fd_kind {
	SLOT_FD_NONE,
	SLOT_FD_KEEPER_CHANNEL, /* keeper <-> supervisor */
	SLOT_FD_TENANT_CHANNEL, /* tenant <-> supervisor */
	SLOT_FD_TABLE, /* gateway: own; relay: index = slot, 0xffff = own */
	SLOT_FD_ARENA,
	SLOT_FD_NODE,	  /* node-wide memfd, proto/node.h */
	SLOT_FD_LISTENER, /* index = position in the config */
	SLOT_FD_EPOLL,	  /* the gateway's set of client sockets */
	SLOT_FD_RING_UP,  /* gateway -> relay; index = gateway slot */
	SLOT_FD_RING_UP_EVENT,
	SLOT_FD_RING_DOWN, /* relay -> gateway; index = gateway slot */
	SLOT_FD_RING_DOWN_EVENT,
	SLOT_FD_API_LISTENER, /* relay: HTTP API */
	SLOT_FD_SETTINGS,     /* sealed memfd: packed Settings message */
	SLOT_FD_LOG,	      /* replaces fd 2, never stored */
	SLOT_FD_KIND_MAX
};
#define SLOT_FD_OWN 0xffffu

struct slot_fd {
	_Atomic uint32_t kind; /* stored last: the entry is valid */
	uint32_t index;
	_Atomic int32_t fd; /* one store replaces it */
	uint32_t unused;
};

enum tenant_state {
	TENANT_NONE,
	TENANT_ADOPTING,
	TENANT_SERVING,
	TENANT_DRAINING,
	TENANT_LEAVING,
	TENANT_STATE_MAX
};

enum step_kind {
	STEP_NONE,
	STEP_ACCEPT,
	STEP_READ,
	STEP_WRITE,
	STEP_DELIVER,
	STEP_TIMER,
	STEP_CLOSE, /* begin a close handshake: drain, kick, replaced */
	STEP_DEATH,
	STEP_KIND_MAX
};

/*
 * The step in progress.  `kind` is stored last when a step is announced and
 * first when it ends.  phase 0: nothing but the kernel's counts tells what
 * happened; STEP_EFFECT: the journal holds the record's new contents and
 * out_len bytes of the out scratch follow given_base; STEP_PARKED: the journal
 * holds them with what could not be sent copied into the arena.
 */
enum step_phase { STEP_ANNOUNCED, STEP_EFFECT, STEP_PARKED };

struct step {
	_Atomic uint32_t kind;
	uint32_t rec;
	uint32_t gen;
	_Atomic uint32_t phase;
	uint64_t given_base;
	uint32_t out_len;
	uint32_t in_len; /* informational */
};

/* The redo journal: absolute contents, so that applying it twice is harmless. */
struct journal {
	struct record_body body;
	struct record_busy busy;
	uint32_t rec;
	uint32_t busy_ref;     /* where `busy` goes; 0: nowhere */
	uint64_t ring_applied; /* new applied_seq, 0: unchanged */
	uint32_t broadcast_next;
	uint32_t kick; /* record that lost its client id, or RECORD_NONE */
	uint32_t kick_gen;
	uint32_t flags; /* JOURNAL_* */
};
#define JOURNAL_INDEX_PUT 1u /* the record has just become known by its id */
#define JOURNAL_BROADCAST 2u /* broadcast_next is meant */

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
	_Atomic uint32_t
	    resync_wanted; /* ring up overflowed: table is the truth */

	/* A broadcast under way: position in the ring and next record. */
	uint64_t broadcast_seq;
	_Atomic uint32_t broadcast_next;
	_Atomic uint32_t kick_rec; /* to be closed with 4001, or RECORD_NONE */
	uint32_t kick_gen;
	uint32_t epoch; /* bumped when a slot is started empty */
	_Atomic uint64_t
	    ring_applied; /* last ring-down entry whose effect is in the records */

	struct step step __attribute__((aligned(64)));
	/* [0] for STEP_EFFECT, [1] for STEP_PARKED: the one in force is never
	 * written to */
	struct journal journal[2] __attribute__((aligned(64)));
	struct counters counters __attribute__((aligned(64)));
	struct slot_fd fds[SLOT_MAX_FDS] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct slot_header) <= SLOT_HEADER_BYTES,
    "the slot header fits its pages");

/* In every build a release store, which the compiler may not move past other
 * stores: a crash between two commits must find them in program order. */
#define commit_store(p, v)                                                     \
	do {                                                                   \
		crash_point(__FILE__, __LINE__);                               \
		atomic_store_explicit((p), (v), memory_order_release);         \
		crash_point(__FILE__, __LINE__);                               \
	} while (0)

#ifdef HOLDFAST_CRASHPOINTS
void crash_point(const char *file, int line);
#else
#define crash_point(file, line) ((void)0)
#endif

const char *slot_kind_name(uint32_t kind);
const char *slot_fd_kind_name(uint32_t kind);
const char *tenant_state_name(uint32_t state);
const char *step_kind_name(uint32_t kind);

#endif
