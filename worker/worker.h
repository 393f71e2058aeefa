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

/* Exit codes of a tenant, read by its keeper. */
#define WORKER_EXIT_RECYCLE 0  /* start the next tenant at once */
#define WORKER_EXIT_LEAVE   10 /* the slot is finished: the keeper exits too */
#define WORKER_EXIT_ERROR   11 /* could not start or adopt: counts as a crash */

struct worker;

struct worker_ops {
	enum slot_kind kind;
	const char *program; /* "holdfast-gateway" */
	char label;	     /* log label: g0, g1, r */
	/* Before anything opens an fd: is this fd one of the slot's own beyond
	 * the fd directory (a client socket in a record)?  Called for each open
	 * fd of a tenant that starts; false: claim or close it. */
	bool (*knows_fd)(struct worker *, int fd);
	/* An fd that nobody knows: take it (true) or have it closed (false).
	 * Never called for keeper's pidfds. */
	bool (*claims_fd)(struct worker *, int fd);
	/* First: map what is needed, set worker->context; must not open fds
	 * that outlive the call (memory maps are fine).  0 or -errno. */
	int (*attach)(struct worker *);
	/* After the sweep of fds: adopt, register events.  worker->base exists.
	 * Fills *out (Serving) with counts.  0 or -errno. */
	int (*start)(struct worker *, Holdfast__Serving *out);
	/* An fd of the directory was added or replaced at run time; the old one
	 * is still open as old_fd (or -1) and is closed after this returns. */
	void (*fd_changed)(struct worker *, enum slot_fd_kind, uint32_t index,
	    int old_fd);
	/* worker->settings has new values. */
	void (*settings_changed)(struct worker *, const struct settings *old);
	/* Messages that the frame does not handle itself (drain, request). */
	void (*message)(struct worker *, struct message *);
	/* Leave soon: call worker_leave() at the next safe point.  NULL: any
	 * moment between events is safe. */
	void (*recycle)(struct worker *);
	/* No supervisor has come for worker.orphan_max: end the slot, in good
	 * order, with WORKER_EXIT_LEAVE.  NULL: at once. */
	void (*orphaned)(struct worker *);
};

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
	char log_label[8];
	int exit_code;
	bool is_leaving;
	bool is_recycling;
	bool is_orphaned;
	bool spares_fds;
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
