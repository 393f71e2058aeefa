/* SPDX-License-Identifier: ISC */
/*
 * The classification of open fds when a tenant starts: those of the slot stay,
 * those nobody knows are offered to the program or closed.
 */
#ifndef HOLDFAST_WORKER_FD_SWEEP_H
#define HOLDFAST_WORKER_FD_SWEEP_H

#include "worker/worker.h"

/*
 * Looks at every open fd of this process.  -ENOMEM: nothing was done.
 * *out_closed: how many nobody wanted.
 */
int fd_sweep(struct worker *, uint32_t *out_closed);

/* The same for a taker, whose keeper was started for this handoff: only what
 * the giver has given is looked at.  How many nobody wanted. */
uint32_t fd_sweep_given(struct worker *);

#endif
