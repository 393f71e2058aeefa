/* SPDX-License-Identifier: ISC */
/*
 * What /proc says of a process (proc(5)): memory, CPU time.
 */
#ifndef HOLDFAST_SUPERVISOR_PROC_STAT_H
#define HOLDFAST_SUPERVISOR_PROC_STAT_H

#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	double cpu_s; /* user and system */
	int last_cpu;
	uint64_t rss_bytes;
	uint64_t private_bytes; /* anonymous pages */
};

/* -ESRCH and the like; -EPROTO when it cannot be understood. */
int proc_stat_read(pid_t pid, struct proc_stat *out);

#endif
