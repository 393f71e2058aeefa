/* SPDX-License-Identifier: ISC */
/*
 * Draining a slot: closing its connections one by one, spread evenly over a
 * window, with a reconnect hint for clients that read it.
 */
#ifndef HOLDFAST_GATEWAY_DRAIN_H
#define HOLDFAST_GATEWAY_DRAIN_H

#include "proto/holdfast.pb-c.h"

struct gateway;

/* The supervisor's order: begin, or undo. */
void drain_on_order(struct gateway *, const Holdfast__Drain *);

/* A tenant starts: goes on with what the one before was ordered to do. */
void drain_resume(struct gateway *);

/* Closes what is due by now; each tick. */
void drain_run(struct gateway *);

#endif
