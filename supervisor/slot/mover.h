/* SPDX-License-Identifier: ISC */
/*
 * Gives slots to new keepers and tenants of this supervisor's binaries, one
 * after the other.  The next one has to wait until it is seen that the tenant
 * before it lives: binaries that cannot serve cost one slot some restarts, and
 * not all of them.  A handoff that fails is tried again unless it was refused:
 * whoever was killed, or too slow, will not be each time.  One run at a time.
 */
#ifndef HOLDFAST_SLOT_MOVER_H
#define HOLDFAST_SLOT_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

struct supervisor;

enum mover_scope {
	MOVER_ALL,     /* every slot; ends at the first that does not move */
	MOVER_FOREIGN, /* those that run other binaries, as many as can be */
};

struct mover_step {
	int slot; /* number; -1: the run is over */
	bool ok;  /* it moved; at the end: all did */
	uint32_t done;
	uint32_t total;
	uint32_t connections;
	uint32_t severed;   /* connections, beside them */
	uint64_t pause_us;  /* no client of the slot was served for so long */
	const char *reason; /* borrowed: why not; NULL when ok */
};

typedef void mover_cb(const struct mover_step *step, void *arg);

struct mover {
	bool runs;
	uint32_t at; /* index of the slot that moves */
	uint32_t done;
	uint32_t tries;	   /* of this slot, which could not even begin */
	uint32_t failures; /* of those that did */
	uint64_t since_ms; /* of this slot's first try; 0: there was none */
	uint32_t total;
	enum mover_scope scope;
	struct mover_step step; /* of the slot whose new tenant is watched */
	uint32_t generation;	/* of that tenant */
	uint32_t seen;		/* at the last look */
	uint64_t beat;
	uint32_t looks;
	uint32_t steady; /* in a row at the same tenant */
	char reason[200];
	struct event *next; /* owned: so that this never recurses */
	mover_cb *tell;	    /* NULL: nobody listens (any more) */
	void *arg;
};

int mover_init(struct supervisor *sup);
void mover_clear(struct supervisor *sup);

/* -EBUSY: a run is under way. */
int mover_start(struct supervisor *sup, enum mover_scope scope, mover_cb *cb,
    void *arg);
/* No further slot; the one on its way arrives or not.  The listener, if there
 * is one, is told that not all have moved. */
void mover_stop(struct supervisor *sup);
/* The listener is gone; the run goes on. */
void mover_forget(struct supervisor *sup, const void *arg);

#endif
