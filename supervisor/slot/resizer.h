/* SPDX-License-Identifier: ISC */
/*
 * Changes the number of gateway slots of a running node.  A new slot is started
 * and takes its share of new connections.  The highest slot that is one too
 * many accepts no more and is drained over drain.window; then its processes end
 * and its memory is freed.  A slot that is still being drained stays after all
 * when it is wanted again.  Slots are numbered without gaps, so a slot that has
 * ended waits for the higher ones.  While a restart or an upgrade goes through
 * the slots none is added or removed; those that leave go on leaving, and are
 * moved or recycled like others.
 */
#ifndef HOLDFAST_SLOT_RESIZER_H
#define HOLDFAST_SLOT_RESIZER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

struct supervisor;
struct slot;

struct resizer {
	uint32_t wanted;    /* gateway slots */
	uint32_t most;	    /* that there have been: the relay may know them */
	struct event *turn; /* owned */
};

/* With as many slots wanted as the settings say. */
int resizer_init(struct supervisor *sup);
void resizer_clear(struct supervisor *sup);

/* by: what is shown as the origin of node.workers, a literal; NULL: the file.
 * -ERANGE: not from 1 to SLOT_MAX_WORKERS, and nothing is changed. */
int resizer_set(struct supervisor *sup, uint32_t wanted, const char *by);

/* Goes on soon, never from within a slot's callback. */
void resizer_poke(struct supervisor *sup);
/* A slot serves (again). */
void resizer_slot_up(struct supervisor *sup, struct slot *slot);
/* Slots have been taken over, and it is known whether the node is drained. */
void resizer_open(struct supervisor *sup);

/* A slot that is one too many and at its end: nothing of it is to be moved or
 * recycled. */
bool resizer_is_ending(const struct slot *slot);

/* Gateway slots that are not on their way out. */
uint32_t resizer_staying(const struct supervisor *sup);

#endif
