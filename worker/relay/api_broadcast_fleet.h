/* SPDX-License-Identifier: ISC */
/*
 * A broadcast to all nodes of the fleet, for api_broadcast.c: to this node's
 * connections by its rings, to each other node by its stream.
 */
#ifndef HOLDFAST_RELAY_API_BROADCAST_FLEET_H
#define HOLDFAST_RELAY_API_BROADCAST_FLEET_H

struct api_call;

/* The body has been checked.  Replies when the last node has answered, or its
 * time is over. */
void api_broadcast_fleet(struct api_call *, const char *message_id);

#endif
