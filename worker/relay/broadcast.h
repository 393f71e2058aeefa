/* SPDX-License-Identifier: ISC */
/*
 * A document for every connection of the fleet (broadcast_fleet.c), or of this
 * node.  Asked for by the API and the operator; its end is told as the API's
 * answer, see holdfast-protocol(7).
 */
#ifndef HOLDFAST_RELAY_BROADCAST_H
#define HOLDFAST_RELAY_BROADCAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/textbuf.h"
#include "worker/relay/api_json.h"
#include "worker/relay/delivery_status.h"

#define BROADCAST_ANSWER_MAX (16u * 1024 * 1024)

struct relay;

struct broadcast_order {
	struct relay *relay;
	char message_id[API_TEXT_MAX + 1];
	const char *text; /* borrowed: lives until the first of those below */
	size_t len;
	uint32_t wait_ms;
	bool is_node_scope;
	/* The text is needed no more, and the end comes later. */
	void (*taken)(void *arg);
	/* Either: status is the API's; json is to be cleared. */
	void (*done)(void *arg, int status, struct textbuf *json);
	/* Or: nothing was sent. */
	void (*refused)(void *arg, const struct api_fault *);
	void *arg;
};

/* Reads what is said of the message in its text.  -EINVAL and *fault, or
 * -ENOMEM and *fault. */
int broadcast_parse(struct broadcast_order *, struct api_fault *fault)
    __attribute__((warn_unused_result));
/* done() or refused() is called once, perhaps before this returns. */
void broadcast_start(const struct broadcast_order *);

/* ---- for broadcast.c and broadcast_fleet.c */

void broadcast_refuse(const struct broadcast_order *, enum delivery_status,
    const char *why);
/* The begin of an answer; its object is not closed. */
void broadcast_put(struct textbuf *, const struct broadcast_order *,
    const char *status, uint32_t slots, uint64_t connections);

#endif
