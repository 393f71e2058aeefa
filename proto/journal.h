/* SPDX-License-Identifier: ISC */
/*
 * The step in progress and the redo journal of a gateway slot, in its header.
 * worker/gateway/step.c writes them, worker/gateway/adopt_step.c reads them
 * after a tenant has died.
 */
#ifndef HOLDFAST_PROTO_JOURNAL_H
#define HOLDFAST_PROTO_JOURNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/record.h"

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
	/* Bytes of this step whose messages are in the ring in; written before
	 * they are taken from the kernel.  0: none. */
	_Atomic uint32_t in_len;
};

/* The redo journal: absolute contents, so applying it twice is harmless. */
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

const char *step_kind_name(uint32_t kind);

#endif
