/* SPDX-License-Identifier: ISC */
/*
 * What comes by the channel of this node: dispatch documents for its clients,
 * and word of other nodes.  At most once: what cannot be taken is counted and
 * dropped, except that messages wait a moment for their gateway, and for the
 * relay itself to take its place.
 */
#ifndef HOLDFAST_RELAY_PUSHES_H
#define HOLDFAST_RELAY_PUSHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "worker/relay/push_queue.h"
#include "worker/relay/push_wait.h"

struct relay;

struct pushes {
	struct relay *relay; /* borrowed */
	struct push_queue queue;
	struct push_queue held; /* not ours, unless a handoff fails */
	struct push_wait wait;
	struct event *again; /* owned; runs while those are to be emptied */
};

/* 0 or -ENOMEM. */
int pushes_start(struct pushes *, struct relay *)
    __attribute__((warn_unused_result));
void pushes_take(struct relay *, const char *bytes, size_t len);

/* Does nothing wait any more? */
static inline bool
pushes_are_idle(const struct pushes *pushes)
{
	return push_queue_is_empty(&pushes->queue) &&
	    push_wait_is_empty(&pushes->wait);
}

/* For changeover.c: the queue begins at a mark, is delivered, is dropped; what
 * is held is delivered, too. */
void pushes_begin_at(struct pushes *, uint32_t mark);
void pushes_go_on(struct pushes *);
void pushes_drop(struct pushes *);
void pushes_play_held(struct pushes *);

#endif
