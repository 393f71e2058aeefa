/* SPDX-License-Identifier: ISC */
/*
 * A running slot, seen from outside: its memfds, reached through the fd table
 * that keeper and tenant share.  For programs that tests run beside a node.
 */
#ifndef HOLDFAST_INTEGRATION_COMMON_SLOT_H
#define HOLDFAST_INTEGRATION_COMMON_SLOT_H

#include "proto/table.h"

struct slot_view {
	int keeper; /* pid */
	struct table table;
	int table_fd; /* owned */
	int arena_fd; /* owned */
	const unsigned char *arena;
	uint64_t arena_bytes;
};

/* Maps the slot of that keeper, all of it for reading alone; a program that
 * cannot do that ends. */
void slot_view_open(struct slot_view *, int keeper);
void slot_view_close(struct slot_view *);

/* "/proc/PID/fd/NUMBER" opened for reading, or -1. */
int slot_view_open_fd(int pid, int fd);

#endif
