/* SPDX-License-Identifier: ISC */
/*
 * Gives a slot to a new keeper and tenant of this supervisor's binaries, while
 * its clients stay: after a keeper's death, and in an upgrade.  The new one is
 * a second struct slot, with a table of its own and everything else shared,
 * that takes the first one's place once it serves.  What was done is decided by
 * the owner word in the first one's table (proto/slot_owner.h), whatever any
 * process says.
 */
#ifndef HOLDFAST_SLOT_SLOT_HANDOFF_H
#define HOLDFAST_SLOT_SLOT_HANDOFF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/holdfast.pb-c.h"
#include "supervisor/slot/slot_fsm.h"

struct supervisor;
struct slot;

struct slot_handoff_result {
	bool moved;
	uint32_t connections;
	uint32_t severed;   /* beside them: the new tenant could not keep */
	uint64_t pause_us;  /* no client was served for so long */
	const char *reason; /* borrowed: why it has not moved */
	bool is_final;	    /* that was refused, and would be again */
};

/* slot: the one in place now. */
typedef void slot_handoff_cb(struct slot *slot,
    const struct slot_handoff_result *result, void *arg);

/* cb is called once, later.  -EBUSY: under way already; -errno. */
int slot_handoff_start(struct slot *slot, slot_handoff_cb *cb, void *arg)
    __attribute__((warn_unused_result));
/* The keeper is lost: the slot gets a new one, tried until it has. */
void slot_handoff_replace(struct slot *slot);
/* Ends a handoff, if there is one, now and in whatever way; the slot that has
 * the place afterwards. */
struct slot *slot_handoff_end(struct slot *slot, const char *reason);
/* The giver says that it keeps the slot. */
void slot_handoff_failed(struct slot *from,
    const Holdfast__HandoffFailed *failed);

/* What slot.c asks of it for the one that takes: its memory; its tenant runs;
 * it serves. */
int slot_handoff_memory(struct slot *to);
void slot_handoff_order(struct slot *to);
void slot_handoff_finish(struct slot *to);
/* True: the action is not for a slot in a handoff, which was settled. */
bool slot_handoff_concerns(struct slot *slot, enum slot_action action);

/* The one that is to take the slot over, or NULL. */
const struct slot *slot_handoff_taker(const struct slot *slot);
/* Is pid of a slot that is not in its place (yet, or any more)? */
bool slot_handoff_knows(const struct supervisor *sup, pid_t pid);
/* Frees those that have ended; all: also the others. */
void slot_handoff_sweep(struct supervisor *sup, bool all);

#endif
