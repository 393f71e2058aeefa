/* SPDX-License-Identifier: ISC */
/*
 * The frame that every worker program shares.  main() calls worker_main() with
 * the program's operations; that runs as the keeper (worker/keeper.c) and,
 * after clone3(), as the tenant (worker/tenant.c): event loop, heartbeat,
 * control channel, settings, log fd, leaving at a safe point.  The program
 * brings what is its own through struct worker_ops.
 */
#ifndef HOLDFAST_WORKER_WORKER_H
#define HOLDFAST_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "proto/channel.h"
#include "proto/holdfast.pb-c.h"
#include "proto/node.h"
#include "proto/settings.h"
#include "proto/slot.h"
#include "worker/worker_ops.h"

/* Exit codes of a tenant, read by its keeper. */
#define WORKER_EXIT_RECYCLE 0  /* start the next tenant at once */
#define WORKER_EXIT_LEAVE   10 /* the slot is finished: the keeper exits too */
#define WORKER_EXIT_ERROR   11 /* could not start or adopt: counts as a crash */

struct giver;

struct worker {
	const struct worker_ops *ops;
	void *context; /* the program's own */
	struct event_base *base;
	struct slot_header *slot; /* mapped, writable */
	struct node node;
	struct settings settings;
	struct channel channel; /* to the supervisor; fd -1 while it is away */
	uint32_t slot_no;
	uint32_t generation;
	/* the frame's own */
	struct event *channel_read;
	struct event *channel_write;
	struct event *beat;
	struct tenant_claim *claim; /* owned */
	char log_label[8];
	int exit_code;
	bool is_leaving;
	bool is_recycling;
	bool is_orphaned;
	bool has_asked; /* for a successor, being too large */
	bool stands_by; /* events run while it waits for the giver */
	bool spares_fds;
	int handoff_fd; /* the directory's, while copies may exist; or -1 */
	uint32_t handoff_deadline_ms;
	uint32_t handoff_number; /* of the supervisor's order */
	struct giver *giver;	 /* owned: while sockets are given early */
	int *given; /* owned, until the program has attached: a handoff's */
	uint32_t given_count;
	uint32_t beats; /* of the timer */
};

int worker_main(int argc, char **argv, const struct worker_ops *);

/* The fd directory of the slot header.  find: -1 when absent. */
int worker_fd(const struct worker *, enum slot_fd_kind, uint32_t index);
/* put: fd, made by the program, is to outlive this tenant.  It becomes the
 * slot's; one that stood there before is closed.  -ENOSPC. */
int worker_fd_put(struct worker *, enum slot_fd_kind, uint32_t index, int fd);

/* Counts as one loop turn; call from busy callbacks as well. */
void worker_beat(struct worker *);

/* Sends to the supervisor; while it is away messages are dropped. */
void worker_send(struct worker *, enum message_kind, const ProtobufCMessage *);
/* Tells the operator (log line and `holdfastctl events`). */
void worker_event(struct worker *, const char *kind, const char *client,
    const char *text, int64_t value);
/* Ends the event loop; the tenant exits with this code. */
void worker_leave(struct worker *, int exit_code);

#endif
