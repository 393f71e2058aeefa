/* SPDX-License-Identifier: ISC */
/*
 * Deadlines of connections, one timer each in a coarse wheel: handshake, ping
 * and dead-peer detection, maximum age, close handshake, linger.  Activity
 * does not touch the timer; one that fires early is set again.
 */
#ifndef HOLDFAST_GATEWAY_HEARTBEAT_H
#define HOLDFAST_GATEWAY_HEARTBEAT_H

#include <stdint.h>

struct gateway;

/* Sets the record's timer by its state; a free record has none. */
void heartbeat_arm(struct gateway *, uint32_t rec);

/* Fires what is due. */
void heartbeat_run(struct gateway *);

#endif
