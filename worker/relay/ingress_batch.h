/* SPDX-License-Identifier: ISC */
/*
 * A batch of clients' messages as one command, for ingress.c alone.
 */
#ifndef HOLDFAST_RELAY_INGRESS_BATCH_H
#define HOLDFAST_RELAY_INGRESS_BATCH_H

#include <stdint.h>

#include "lib/redis_link.h"
#include "proto/ring_messages.h"

#define INGRESS_BATCH 64u /* messages */
#define INGRESS_BATCH_BYTES                                                    \
	(256u * 1024) /* of them, but for one larger one                       \
		       */

struct ingress_queue;
struct ring_entry;

/* The reply to a batch: how many were added, or that there are enough. */
#define INGRESS_FULL (-1)

/* Sends the first messages of a queue with numbers below end; sets
 * queue->flying.  As redis_link_command(). */
int ingress_batch_send(struct ingress_queue *, uint64_t end, redis_link_cb *)
    __attribute__((warn_unused_result));

#endif
