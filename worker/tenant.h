/* SPDX-License-Identifier: ISC */
/*
 * The tenant of a slot, from its first instruction after clone3() to its exit;
 * see tenant.c.  tenant_channel.c is its end of the control channel.
 */
#ifndef HOLDFAST_WORKER_TENANT_H
#define HOLDFAST_WORKER_TENANT_H

#include "worker/worker.h"

/* worker: ops, slot, slot_no and generation are set, the rest is zero. */
_Noreturn void tenant_main(struct worker *);

/* Reads SLOT_FD_SETTINGS; without such an fd the settings are defaults. */
int tenant_read_settings(struct worker *);
/* Log level and format, limits, and the keeper's policy in the header. */
void tenant_apply_settings(struct worker *);
/* Asks the program to leave at a safe point. */
void tenant_recycle(struct worker *, const char *why);

/* A handoff before the program serves, if the order waits in the channel. */
void tenant_give_first(struct worker *);

/* true: connections may not take the last fds, which the next keeper and tenant
 * need.  false: for a moment this tenant uses them itself. */
void tenant_spare_fds(const struct worker *, bool spare);

/* Watches the channel and says Hello.  Without an entry in the directory the
 * tenant runs without a supervisor.  Fails only for want of memory. */
int tenant_channel_open(struct worker *);
/* Watches a channel on which Hello was exchanged; it is in the directory.
 * -ENOMEM: the channel is closed, its entry gone. */
int tenant_channel_watch(struct worker *, int fd);
/* The channel is lost, or never was: asks for a new one, again and again,
 * while the connections are served. */
void tenant_claim_begin(struct worker *);
int tenant_claim_init(struct worker *);

#endif
