/* SPDX-License-Identifier: ISC */
/*
 * Recycles all tenants one by one: the next one only once its predecessor's
 * successor serves.  One run at a time.
 */
#ifndef HOLDFAST_SLOT_RECYCLER_H
#define HOLDFAST_SLOT_RECYCLER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

struct supervisor;
struct slot;

/* After each slot (slot >= 0; ok: a fresh tenant serves) and at the end
 * (slot -1; recycled = how many). */
typedef void recycler_cb(int slot, bool ok, uint32_t done, uint32_t total,
    void *arg);

struct recycler {
	bool runs;
	bool again;	   /* a run was asked for meanwhile */
	bool moves;	   /* that slot, to another keeper */
	uint32_t failures; /* moves of that slot */
	uint32_t at;	   /* index of the slot being waited for */
	uint32_t old_generation;
	uint32_t recycled;
	uint32_t seen; /* slots that were waited for */
	uint32_t total;
	struct event *deadline; /* owned */
	recycler_cb *tell;	/* NULL: nobody listens (any more) */
	void *arg;
};

int recycler_init(struct supervisor *sup);
void recycler_clear(struct supervisor *sup);

/* -EBUSY: one run is under way, or something else that replaces workers. */
int recycler_start(struct supervisor *sup, recycler_cb *cb, void *arg);
/* The same without a listener, now or after what is under way: a run may have
 * passed slots by that are to be recycled for a new reason. */
void recycler_ask(struct supervisor *sup);
/* Now and then: what was asked for and could not begin. */
void recycler_poke(struct supervisor *sup);
/* The listener is gone; the run goes on. */
void recycler_forget(struct supervisor *sup, const void *arg);

bool recycler_waits_for(const struct supervisor *sup, const struct slot *slot);
void recycler_slot_up(struct supervisor *sup, const struct slot *slot);

#endif
