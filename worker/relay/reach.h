/* SPDX-License-Identifier: ISC */
/*
 * A client, wherever in the fleet it is connected: here, by way of its slot's
 * ring, or else by way of the stream of its node.
 */
#ifndef HOLDFAST_RELAY_REACH_H
#define HOLDFAST_RELAY_REACH_H

#include "worker/relay/forward.h"

/* As forward_send(); out_node is left alone when the client is here. */
enum delivery_status reach_client(struct relay *, const struct forward_what *,
    const struct delivery_order *, char *out_node);

#endif
