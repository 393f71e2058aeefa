/* SPDX-License-Identifier: ISC */
/*
 * Who a process is, as /proc/PID/stat tells (proc(5)).  A pid names a process
 * for good only together with its start time: pids come back.
 */
#ifndef HOLDFAST_LIB_PROC_H
#define HOLDFAST_LIB_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc {
	pid_t pid;
	pid_t parent;
	pid_t group;
	char state;	     /* R, S, ...; Z and X: it has ended */
	char name[64];	     /* cut; prctl(2), PR_SET_NAME */
	uint64_t start_time; /* field 22: in clock ticks since the boot */
};

/* The text of a stat file; pure.  -EPROTO. */
int proc_parse(const char *text, struct proc *out);

/* Opens an fd for a moment.  -ENOENT, -ESRCH when there is none; -EPROTO. */
int proc_read(pid_t pid, struct proc *out);

/* 0 when there is no such process, or no /proc. */
uint64_t proc_start_time(pid_t pid);

/* Is there that process, and has it not ended? */
bool proc_is_alive(pid_t pid, uint64_t start_time);

#endif
