/* SPDX-License-Identifier: ISC */
/*
 * The step that a tenant died in: its successor finishes it from the journal
 * and the kernel's counts, or quarantines the connection that the tenant was
 * serving when it crashed.
 */
#ifndef HOLDFAST_GATEWAY_ADOPT_STEP_H
#define HOLDFAST_GATEWAY_ADOPT_STEP_H

struct gateway;

/* Settles, finishes or quarantines; afterwards no step is in progress. */
void adopt_step(struct gateway *);

#endif
