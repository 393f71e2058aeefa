/* SPDX-License-Identifier: ISC */
/*
 * How much memory the control group that this process is in may use.  What a
 * node keeps in shared memory must stay well below: the kernel would kill one
 * tenant after the other without freeing any of it.
 */
#ifndef HOLDFAST_SUPERVISOR_MEMORY_LIMIT_H
#define HOLDFAST_SUPERVISOR_MEMORY_LIMIT_H

#include <stdint.h>

#define MEMORY_UNLIMITED UINT64_MAX

/* The lowest limit of the group and those above it, in bytes, or
 * MEMORY_UNLIMITED: none is set or it cannot be read.  proc_file:
 * "/proc/self/cgroup"; root: "/sys/fs/cgroup". */
uint64_t memory_limit(const char *proc_file, const char *root);

/* The part of it that bytes in flight may have at most: the other half is for
 * tables, rings, sockets and the processes. */
uint64_t memory_limit_arena(uint64_t limit);

#endif
