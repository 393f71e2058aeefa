/* SPDX-License-Identifier: ISC */
/*
 * A dispatch to a client of another node: the route says which, and the
 * document goes into that node's stream, by which it is delivered in order and
 * not lost.  That node says by our channel what became of it.
 */
#ifndef HOLDFAST_RELAY_FORWARD_H
#define HOLDFAST_RELAY_FORWARD_H

#include "worker/relay/delivery.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/route_claim.h"

#define FORWARD_MAX_BYTES (64u * 1024 * 1024) /* of documents under way */

/*
 * For a client that is not connected here.  As delivery_send():
 * DELIVERY_PENDING or what is known at once.  out_node[ROUTE_NODE_MAX + 1], ""
 * or the node it was sent to, must live until on_done was called.
 */
enum delivery_status forward_send(struct relay *, const struct dispatch_doc *,
    const struct delivery_order *, char *out_node);

/* Another node's word: what became of a document of ours. */
void forward_receipt(struct relay *, const char *token, const char *status);

#endif
