/* SPDX-License-Identifier: ISC */
/*
 * The processes of a slot, known by pidfd: signals, watching, reaping, and
 * finding out which of them still live.
 */
#ifndef HOLDFAST_SLOT_SLOT_PROCESS_H
#define HOLDFAST_SLOT_SLOT_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "supervisor/slot/slot.h"

/* Watches an open pidfd; slot_reap() is called when it ends. */
int slot_process_watch(struct slot_process *process, struct slot *slot);
/* 0, -ESRCH when there is none (any more), -errno. */
int slot_process_signal(const struct slot_process *process, int signo);
/* Has not ended yet; reaps nothing. */
bool slot_process_is_alive(const struct slot_process *process);
/* SIGKILL, wait for the end, reap, forget. */
void slot_process_kill(struct slot_process *process);
/* Closes and forgets; the process may live on. */
void slot_process_clear(struct slot_process *process);

/* SIGKILL to all of the keeper's group but the keeper. */
void slot_process_end_tenants(struct slot *slot);

/* Takes a tenant's pid and pidfd (-1: opened here; the process must then
 * belong to the keeper's process group).  -errno: not known better than
 * before, pidfd stays the caller's. */
int slot_process_set_tenant(struct slot *slot, pid_t pid, int pidfd);

struct supervisor;
/* Reaps orphans of slots that nobody waits for otherwise. */
void slot_process_reap_strays(const struct supervisor *sup);

#endif
