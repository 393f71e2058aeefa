/* SPDX-License-Identifier: ISC */
/*
 * A slot that lives from before this supervisor, or has lost its channels, and
 * what its tenant claims: judged, then taken over.
 */
#ifndef HOLDFAST_SLOT_SLOT_ADOPT_H
#define HOLDFAST_SLOT_SLOT_ADOPT_H

#include "supervisor/slot/slot.h"
#include "supervisor/slot/slots_file.h"

struct slot_claim {
	const Holdfast__Hello *hello; /* borrowed */
	pid_t pid;		      /* by the kernel's word */
	int channel_fd;
	struct message *message; /* borrowed: a Claim and its fds */
};

/* What of the entry's slot lives?  *out_tenant: its tenant's pid if only that
 * one does, else 0. */
bool slot_adopt_lives(const struct slots_entry *entry, pid_t *out_tenant);

/* The slot (down so far) lives: it is awaited.  -errno: not to be watched. */
int slot_adopt_await(struct slot *slot, const struct slots_entry *entry);

/* The slot's processes have ended: if its other keeper lives, that one has the
 * slot, and is awaited: true. */
bool slot_adopt_other(struct slot *slot);

/* Of two keepers the one whose tenant claims has the slot: they serve before
 * they claim, and serve only what is theirs. */
void slot_adopt_choose(struct slot *slot, pid_t tenant);

/* NULL and the slot, or what is wrong. */
const char *slot_adopt_judge(struct supervisor *sup,
    const struct slot_claim *claim, struct slot **out_slot);
/* Takes memory, node memfd and listeners that are not known yet.  NULL, or what
 * is wrong; then nothing was taken. */
const char *slot_adopt_memory(struct slot *slot,
    const struct slot_claim *claim);
/* Takes the channel (in every case), answers, and moves the slot on. */
void slot_adopt_take(struct slot *slot, const struct slot_claim *claim);

/* The opposite: the slot serves on without us, for another supervisor. */
void slot_adopt_let_go(struct slot *slot);

#endif
