/* SPDX-License-Identifier: ISC */
/*
 * The way from a configuration to running slots.  Whatever fails here is told
 * once, in words for people, and ends the start.
 */
#ifndef HOLDFAST_SUPERVISOR_STARTUP_H
#define HOLDFAST_SUPERVISOR_STARTUP_H

struct supervisor;

/* 0, or -errno after a line in the log.  Slots that live from before us are
 * taken over; whatever fails, they serve on. */
int startup_run(struct supervisor *sup);

/* The fleet lets this node in, or has nothing to say: starts those slots that
 * do not live yet. */
void supervisor_admitted(struct supervisor *sup);

#endif
