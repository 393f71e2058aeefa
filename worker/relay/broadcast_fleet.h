/* SPDX-License-Identifier: ISC */
/*
 * A broadcast to all nodes of the fleet, for broadcast.c: to this node's
 * connections by its rings, to each other node by its stream.
 */
#ifndef HOLDFAST_RELAY_BROADCAST_FLEET_H
#define HOLDFAST_RELAY_BROADCAST_FLEET_H

struct broadcast_order;

/* Ends when the last node has answered, or its time is over. */
void broadcast_fleet_start(const struct broadcast_order *);

#endif
