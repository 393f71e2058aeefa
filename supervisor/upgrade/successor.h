/* SPDX-License-Identifier: ISC */
/*
 * A live upgrade, in the supervisor that comes (upgrade.h is the other side):
 * first it proves that it could take over, then it waits for the word to do
 * so, starts as any supervisor that finds living slots, and moves them to its
 * own workers.  When the old supervisor dies meanwhile it carries on alone.
 */
#ifndef HOLDFAST_UPGRADE_SUCCESSOR_H
#define HOLDFAST_UPGRADE_SUCCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "supervisor/slot/pause_report.h"
#include "supervisor/slot/worker_program.h"
#include "supervisor/upgrade/upgrade_link.h"

struct supervisor;

enum successor_state {
	SUCCESSOR_NONE,	    /* an ordinary supervisor */
	SUCCESSOR_STARTING, /* taking over, or about to */
	SUCCESSOR_MOVING,
	SUCCESSOR_RETURNING, /* to the old workers: ours are no good */
	SUCCESSOR_RETURNED,  /* the old supervisor ends us now */
	SUCCESSOR_STATE_MAX
};

struct successor {
	enum successor_state state;
	uint64_t started_ms;
	struct upgrade_link link;   /* fd -1: the old one is gone */
	struct worker_programs old; /* owned: the old supervisor's */
	struct event *last;	    /* owned: nobody has ended us */
	struct pause_report report;
	uint64_t severed; /* connections */
};

/* Before the event loop, with the channel from -U: 0 when we are to take over.
 * -errno when not, and the other one was told why. */
int successor_prepare(struct supervisor *sup, int fd);
/* It cannot be: tells why.  Before or after successor_prepare(). */
void successor_refuse(struct supervisor *sup, const char *error,
    const char *text);
void successor_refuse_fd(int fd, const char *error, const char *text);

/* All slots are ours and serve: moves them. */
void successor_ready(struct supervisor *sup);
/* The node is being stopped: nothing moves any more. */
void successor_stop(struct supervisor *sup);
void successor_clear(struct supervisor *sup);

const char *successor_state_name(enum successor_state state);

#endif
