/* SPDX-License-Identifier: ISC */
/*
 * The slot header of the version that never was, see older_record.h: shorter,
 * and in another order behind the part that is common to all versions.
 */
#ifndef HOLDFAST_LAYOUT_OLDER_SLOT_H
#define HOLDFAST_LAYOUT_OLDER_SLOT_H

#include "proto/counters.h"
#include "proto/journal.h"
#include "proto/slot_fd.h"
#include "tests/layout/older_record.h"

#define OLDER_LAYOUT	   0x4f4c44u /* "OLD" */
#define OLDER_HEADER_BYTES (32u * 1024)

#ifdef HOLDFAST_OTHER_SLOT
#define SLOT_LAYOUT	  OLDER_LAYOUT
#define SLOT_HEADER_BYTES OLDER_HEADER_BYTES
#else
struct older_journal {
	struct older_record_body body;
	struct record_busy busy;
	uint32_t rec;
	uint32_t busy_ref;
	uint64_t ring_applied;
	uint32_t broadcast_next;
	uint32_t kick;
	uint32_t kick_gen;
	uint32_t flags;
};
#endif

struct OLDER(slot_header) {
	/* common to all versions */
	uint64_t magic;
	uint32_t layout;
	uint32_t kind;
	uint32_t slot;
	uint32_t table_bytes_hi;
	uint32_t table_bytes_lo;
	uint32_t capacity;
	uint64_t nonce;
	uint8_t hash_key[32];
	_Atomic uint64_t heartbeat;
	_Atomic uint32_t tenant_state;
	_Atomic uint32_t tenant_pid;
	_Atomic uint32_t keeper_pid;
	_Atomic uint32_t killed_for_stall;
	_Atomic uint64_t owner;
	uint32_t generation;
	int32_t last_exit;
	uint32_t crashes_in_row;
	uint32_t unattributed;
	uint64_t died_ns;
	uint64_t served_ns;
	_Atomic uint32_t live;
	_Atomic uint32_t arena_used_kib;
	_Atomic uint32_t arena_limit_kib;
	_Atomic uint32_t log_level;
	_Atomic uint32_t log_format;
	uint32_t epoch;
	_Atomic uint32_t handoff_wanted;
	uint32_t unused;

	/* its own */
	_Atomic uint32_t backoff_ms;
	_Atomic uint32_t backoff_max_ms;
	_Atomic uint32_t crash_window_ms;
	struct counters counters __attribute__((aligned(64)));
	struct OLDER(journal) journal[2] __attribute__((aligned(64)));
	_Atomic uint64_t ring_applied;
	uint32_t kick_gen;
	_Atomic uint32_t kick_rec;
	_Atomic uint32_t broadcast_next;
	_Atomic uint32_t resync_wanted;
	uint64_t broadcast_seq;
	_Atomic uint32_t high_water;
	_Atomic uint32_t index_word;
	uint32_t death_count;
	uint32_t death_kind;
	uint32_t death_gen;
	uint32_t death_rec;
	struct slot_fd fds[SLOT_MAX_FDS] __attribute__((aligned(64)));
	struct step step __attribute__((aligned(64)));
	_Atomic uint64_t orphan_since_ms;
	_Atomic int32_t keeper_channel;
	_Atomic uint32_t handoff_taking;
	uint64_t handoff_token;
	struct slot_redis redis;
	struct slot_inbox inbox;
};

_Static_assert(sizeof(struct OLDER(slot_header)) <= OLDER_HEADER_BYTES,
    "the older slot header fits its pages");

#endif
