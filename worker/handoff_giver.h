/* SPDX-License-Identifier: ISC */
/*
 * The state of a giver, which handoff_early.c fills while the slot's clients
 * are served, and handoff_give.c while they wait.
 */
#ifndef HOLDFAST_WORKER_HANDOFF_GIVER_H
#define HOLDFAST_WORKER_HANDOFF_GIVER_H

#include "proto/table_layout.h"
#include "worker/worker.h"

struct giver {
	struct worker *worker;
	struct channel channel; /* its fd is the worker's */
	uint32_t deadline_ms;
	uint64_t token; /* 0: the owner word is as it was */
	const struct table_layout *layout;
	int copy_fd; /* owned: the table in the taker's layout, or -1 */
	uint32_t sent;
	uint32_t recs[CHANNEL_MAX_FDS];
	uint32_t gens[CHANNEL_MAX_FDS];
	int fds[CHANNEL_MAX_FDS];
	int count;
	bool greeted;
	int rc; /* of what was done early */
	const char *reason;
	/* Early: */
	struct event *answer; /* owned */
	uint64_t *early;      /* owned; by record: EARLY_SENT | gen */
	uint32_t capacity;    /* of early */
	uint32_t next;	      /* record to be looked at */
};

#define EARLY_SENT (UINT64_C(1) << 32)

void handoff_giver_init(struct giver *, struct worker *);
/* Not the channel's fd. */
void handoff_giver_clear(struct giver *);

/* Returns rc and keeps the first reason. */
int handoff_giver_fail(struct giver *, int rc, const char *reason);
int handoff_giver_on_hello(struct giver *, const Holdfast__TakeHello *);
/* Sends the window; the answer is another matter. */
int handoff_giver_send(struct giver *);
int handoff_giver_on_ack(struct giver *, const Holdfast__TakeAck *);
/* Was this very connection's socket sent early? */
bool handoff_giver_has_sent(const struct giver *, uint32_t rec, uint32_t gen);

#endif
