/* SPDX-License-Identifier: ISC */
/*
 * From "we hold the lock of the run directory and listen on supervisor.sock" to
 * "all slots that live are ours again".  Used by a supervisor that starts where
 * another one has died, and by one that takes its slots back.
 */
#ifndef HOLDFAST_SLOT_READOPT_H
#define HOLDFAST_SLOT_READOPT_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "supervisor/slot/slots_file.h"

struct supervisor;

/* All have claimed, or ended (missing 0), or the deadline has passed: those
 * that are missing may still claim, or are prodded and given up in the end. */
typedef void readopt_cb(struct supervisor *sup, uint32_t missing, void *arg);

struct readopt {
	struct event *deadline; /* owned */
	bool is_running;
	bool has_adopted; /* some slot lived before us */
	uint32_t found;
	uint64_t began_ms;
	uint64_t node_inode;
	/* inodes of the gateways' tables that the relay knows */
	uint64_t relay_tables[SLOT_MAX_WORKERS];
	readopt_cb *done;
	void *arg;
};

/* How many of the list's slots have a living process. */
uint32_t readopt_count_living(const struct slots_file *file);

/*
 * Awaits all slots of the list that live.  The slots of sup are there and down,
 * with no memory or with what they had.  done is called from the event loop,
 * or from here when nothing lives.  -errno: nothing was begun.
 */
int readopt_begin(struct supervisor *sup, const struct slots_file *file,
    uint64_t deadline_ms, readopt_cb *done, void *arg);

/* A slot's state has changed. */
void readopt_slot_changed(struct supervisor *sup);
/* A claim was taken: the relay is told of tables that it does not know. */
void readopt_tell_relay(struct supervisor *sup);
uint32_t readopt_missing(const struct supervisor *sup);

/* The opposite: stops listening and lets go of all slots, which serve on and
 * look for another supervisor.  The lock stays the caller's. */
void readopt_let_go(struct supervisor *sup);
void readopt_clear(struct supervisor *sup);

#endif
