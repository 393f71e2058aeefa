/* SPDX-License-Identifier: ISC */
/*
 * Adoption: a tenant takes over what the one before left, whatever instant it
 * died at.  First the journal and the records (no fd is opened yet), then each
 * open fd is asked for, then the interrupted step is settled with the
 * kernel's counts and finished, or its connection is quarantined.
 */
#ifndef HOLDFAST_GATEWAY_ADOPT_H
#define HOLDFAST_GATEWAY_ADOPT_H

#include <stdbool.h>

#include "worker/worker.h"

struct gateway;

/* Journal, table, known fds.  Before the sweep of fds. */
int adopt_records(struct gateway *);

/* For the sweep: is fd a record's?  Should a stranger be kept? */
bool adopt_knows_fd(struct gateway *, int fd);
bool adopt_claims_fd(struct gateway *, int fd);

/* Arena, timers, counts, orphans; then the interrupted step. */
void adopt_connections(struct gateway *, Holdfast__Serving *out);

#endif
