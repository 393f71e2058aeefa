/* SPDX-License-Identifier: ISC */
/*
 * Messages of the node's channel that cannot be delivered yet, in their order:
 * while the relay changes, and while a gateway does not take them.  Holds
 * copies, up to a limit.  Marks stand between messages, see changeover.h.
 */
#ifndef HOLDFAST_RELAY_PUSH_QUEUE_H
#define HOLDFAST_RELAY_PUSH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct push_waiter;

struct push_item {
	struct push_item *next;
	size_t len;
	uint32_t mark;		    /* 0: a message */
	struct push_waiter *waiter; /* borrowed; for push_wait.c */
	char bytes[];
};

struct push_queue {
	struct push_item *first; /* owned */
	struct push_item *last;
	size_t bytes; /* all that it takes */
	size_t max_bytes;
};

void push_queue_init(struct push_queue *, size_t max_bytes);
void push_queue_clear(struct push_queue *);

static inline bool
push_queue_is_empty(const struct push_queue *queue)
{
	return queue->first == NULL;
}

/* -ENOBUFS, -ENOMEM. */
int push_queue_add(struct push_queue *, const char *bytes, size_t len)
    __attribute__((warn_unused_result));
/* mark: above 0 and all marks before. */
int push_queue_mark(struct push_queue *, uint32_t mark)
    __attribute__((warn_unused_result));
void push_queue_drop(struct push_queue *); /* the first */
/* Drops the first messages, up to the mark behind them: how many.  0: there is
 * none. */
size_t push_queue_cut(struct push_queue *);
/* Moves all to the end of the first one, beyond its limit if need be. */
void push_queue_move(struct push_queue *, struct push_queue *from);

/* Drops everything in front of that mark, and the mark; if it is not there,
 * also what may have been in front of it: up to the next greater one. */
void push_queue_begin_at(struct push_queue *, uint32_t mark);

#endif
