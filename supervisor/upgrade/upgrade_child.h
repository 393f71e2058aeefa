/* SPDX-License-Identifier: ISC */
/*
 * Executes another holdfastd for a live upgrade: a child that checks the
 * configuration (-n), a child that is the incoming supervisor, or in place of
 * this process to take the slots back.  Forks and executes only; upgrade.c
 * watches what comes of it.
 */
#ifndef HOLDFAST_UPGRADE_UPGRADE_CHILD_H
#define HOLDFAST_UPGRADE_UPGRADE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "supervisor/listener.h"

#define UPGRADE_CHILD_FDS 5

struct upgrade_child_spec {
	const char *binary;
	const char *config;
	bool check; /* holdfastd -n, no more */
	int output; /* becomes fd 1 and 2; -1: they are inherited */
	const struct listener_set *listeners; /* handed over; NULL: none */
	/* -1: not given; otherwise inherited as `-<option> <number>` */
	struct {
		char option;
		int fd;
	} fd[UPGRADE_CHILD_FDS];
};

/* -errno: there is no child.  One that cannot execute the binary exits with
 * 127 after a line on its output. */
int upgrade_child_spawn(const struct upgrade_child_spec *spec, pid_t *out_pid,
    int *out_pidfd);

/* In place of this process; returns only on failure, with -errno. */
int upgrade_child_exec(const struct upgrade_child_spec *spec);

/* The path from which we were started, whatever lies there now. */
int upgrade_child_own_binary(char *out, size_t size);

#endif
