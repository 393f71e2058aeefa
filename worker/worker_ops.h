/* SPDX-License-Identifier: ISC */
/*
 * What a worker program brings to the frame that all of them share (see
 * worker.h).
 */
#ifndef HOLDFAST_WORKER_WORKER_OPS_H
#define HOLDFAST_WORKER_WORKER_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/channel.h"
#include "proto/holdfast.pb-c.h"
#include "proto/settings.h"
#include "proto/slot.h"

struct worker;
struct record;

typedef int worker_socket_cb(uint32_t rec, uint32_t gen, int fd, void *arg);

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
	/* Of a tenant that is to take the slot from one that serves it, while
	 * it waits for that: events of worker->base run, nothing of the slot
	 * may be touched.  NULL: nothing to be done. */
	void (*stand_by)(struct worker *);
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
	/* The supervisor takes an fd of the directory back; it is closed after
	 * this returns true.  NULL or false: not one that may go. */
	bool (*fd_going)(struct worker *, enum slot_fd_kind, uint32_t index,
	    int fd);
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
	/* The slot is to be given away: call worker_give() when
	 * no request is under way.  NULL: at once.  keep: it stays. */
	void (*let_go)(struct worker *);
	void (*keep)(struct worker *);
	/* Tells the client socket of each record from that one on, and last,
	 * with RECORD_NONE, those that are in no record yet.  Returns what cb
	 * returned if that was not 0, which ends it.  NULL: none. */
	int (*each_socket)(struct worker *, uint32_t from, worker_socket_cb *,
	    void *arg);
	/* For a taker, before the slot is its own and the program attached:
	 * watch a socket in the set that will be the slot's.  0 or -errno. */
	int (*watch)(int set, uint32_t rec, uint32_t gen, int fd);
	/* Then, with all records as they will be: watch what is not yet, each
	 * for what it waits for.  watched: by record. */
	int (*watch_rest)(int set, const struct record *, uint32_t records,
	    const bool *watched);
};

#endif
