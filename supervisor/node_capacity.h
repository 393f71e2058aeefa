/* SPDX-License-Identifier: ISC */
/*
 * What this node can hold now (capacity.h has the arithmetic), and each slot's
 * share of what they have together: told to the workers through shared memory.
 */
#ifndef HOLDFAST_SUPERVISOR_NODE_CAPACITY_H
#define HOLDFAST_SUPERVISOR_NODE_CAPACITY_H

struct supervisor;

/* At the start, before anything is made: sets the number of slots, raises the
 * limit of open files, and warns of what that does not allow. */
void node_capacity_plan(struct supervisor *sup);
/* The settings or the number of slots have changed. */
void node_capacity_apply(struct supervisor *sup);

#endif
