/* SPDX-License-Identifier: ISC */
/*
 * What is for clients of other nodes: it goes into that node's stream, by which
 * it is taken in order and not lost.  That node says by our channel what became
 * of it.  For one client the route says which node it is.
 */
#ifndef HOLDFAST_RELAY_FORWARD_H
#define HOLDFAST_RELAY_FORWARD_H

#include "worker/relay/delivery.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/inbox_fields.h"
#include "worker/relay/route_claim.h"

#define FORWARD_MAX_BYTES (64u * 1024 * 1024) /* of documents under way */

struct forward_what {
	enum inbox_kind kind;
	const char *client; /* NULL: a broadcast */
	size_t client_len;
	const char *text; /* document, text or reason; no NUL inside */
	size_t len;
	uint16_t code; /* of a kick */
};

/*
 * For a client that is not connected here.  As delivery_send():
 * DELIVERY_PENDING or what is known at once.  out_node[ROUTE_NODE_MAX + 1], ""
 * or the node it was sent to, must live until on_done was called.
 */
enum delivery_status forward_send(struct relay *, const struct forward_what *,
    const struct delivery_order *, char *out_node);

/* Whoever is connected to that node, which must live likewise. */
enum delivery_status forward_to_node(struct relay *,
    const struct forward_what *, const struct delivery_order *, char *node);

/* Another node's word: what became of something of ours, and to how many
 * connections it went. */
void forward_receipt(struct relay *, const char *token, const char *status,
    uint64_t connections);

#endif
