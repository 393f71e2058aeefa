/* SPDX-License-Identifier: ISC */
/*
 * A client, wherever in the fleet it is connected: here, by way of its slot's
 * ring, or else by way of the stream of its node.  While it cannot be looked
 * up, because its slot is changing hands or its table is of a layout that only
 * the next relay reads, what is for it waits here, in order, for as long as a
 * request may take.  Bounded in number and bytes.
 */
#ifndef HOLDFAST_RELAY_REACH_H
#define HOLDFAST_RELAY_REACH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "worker/relay/forward.h"

#define REACH_MAX	4096u
#define REACH_MAX_BYTES (16u * 1024 * 1024) /* of texts */
#define REACH_BUCKETS	256u

struct relay;
struct reach_kept;

struct reach {
	struct relay *relay;	       /* borrowed */
	TAILQ_HEAD(, reach_kept) kept; /* owned; the oldest first */
	struct event *tick;	       /* owned; runs while there are any */
	uint32_t count;
	size_t bytes;
	/* by client id: who came later waits behind who came before */
	uint32_t waiting[REACH_BUCKETS];
};

/* 0 or -errno. */
int reach_start(struct reach *, struct relay *)
    __attribute__((warn_unused_result));
/* Calls nobody back. */
void reach_stop(struct reach *);

/* As forward_send(), and the text is copied; out_node is left alone when the
 * client is here. */
enum delivery_status reach_client(struct relay *, const struct forward_what *,
    const struct delivery_order *, char *out_node);

/* What DELIVERY_BUSY means now, in words. */
const char *reach_busy_text(const struct relay *);

/* Nobody waits any longer: what is here was not sent. */
void reach_end(struct reach *);

#endif
