/* SPDX-License-Identifier: ISC */
/*
 * Commits: the stores that a successor's view of shared memory hangs on.
 */
#ifndef HOLDFAST_PROTO_COMMIT_H
#define HOLDFAST_PROTO_COMMIT_H

#include <stdatomic.h>

/* In every build a release store, which the compiler may not move past other
 * stores: a crash between two commits must find them in program order. */
#define commit_store(p, v)                                                     \
	do {                                                                   \
		crash_point(__FILE__, __LINE__);                               \
		atomic_store_explicit((p), (v), memory_order_release);         \
		crash_point(__FILE__, __LINE__);                               \
	} while (0)

/* A point between two effects that are no stores: system calls, ring entries,
 * replies.  Tests die there, too. */
#define crash_mark() crash_point(__FILE__, __LINE__)

#ifdef HOLDFAST_CRASHPOINTS
void crash_point(const char *file, int line);
#else
#define crash_point(file, line) ((void)0)
#endif

#endif
