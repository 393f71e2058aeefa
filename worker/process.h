/* SPDX-License-Identifier: ISC */
/*
 * What a keeper and a tenant do to themselves as processes: signals, names,
 * limits, and what /proc says of them.
 */
#ifndef HOLDFAST_WORKER_PROCESS_H
#define HOLDFAST_WORKER_PROCESS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "g0-keeper" and the like, with its NUL. */
#define PROCESS_LABEL_SIZE 24

/*
 * Ignores what only means something to the supervisor (TERM, INT, HUP, USR1
 * and so on), leaves the rest at its default, blocks nothing.  Ignored signals
 * stay so over an exec.
 */
void process_signals(void);

/* The name that ps shows: "hf-" and the label, cut to 15 bytes. */
void process_name(const char *label);

/* Tenants are to be the kernel's choice when memory ends, not keepers. */
int process_offer_to_oom(void);

/* 0 unless wanted: a dump delays recovery and holds the clients' bytes. */
int process_core_limit(bool wanted);

/*
 * After forbid no call of this process can open an fd, fds 0 to 2 taken as
 * given; allow undoes it with the limit that forbid told.
 */
int process_forbid_fds(uint64_t *out_limit);
int process_allow_fds(uint64_t limit);

/* Moves the soft limit of fds, unless it would end below 64. */
int process_move_fd_limit(int by);

/* The CPUs that this process may run on: all for a while, then again those of
 * before.  It does no harm if that fails. */
void process_unpin(cpu_set_t *out_before);
void process_pin(const cpu_set_t *before);
/* What is left to be done can wait for whoever wants the CPU. */
void process_step_back(void);

/* A number of /proc/self/status, such as "FDSize" or "RssAnon" (in kB). */
int process_status(const char *key, uint64_t *out);

#endif
