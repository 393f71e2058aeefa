/* SPDX-License-Identifier: ISC */
/*
 * Forks and executes a keeper with nothing but what it needs: another user
 * when there is one to change to, no capabilities, no way to gain any, its own
 * process group, one channel.
 */
#ifndef HOLDFAST_SLOT_SLOT_CHILD_H
#define HOLDFAST_SLOT_SLOT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/slot/worker_program.h"

/* Whom the workers run as. */
struct slot_user {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
};

/* name "" or not root: no change.  -ENOENT: no such user; -errno. */
int slot_user_find(const char *name, struct slot_user *out_user);

struct slot_child_spec {
	const struct worker_program *program; /* borrowed */
	const char *name;		      /* argv[0] */
	uint32_t slot;
	int channel; /* becomes fd 3 */
	int log_fd;  /* becomes fd 2; -1: fd 2 is inherited */
	struct slot_user user;
	bool core_dumps;
};

/* The child's pid and pidfd.  A child that cannot go on exits with 127 after
 * a line in the log.  -errno when there is no child. */
int slot_child_spawn(const struct slot_child_spec *spec, pid_t *out_pid,
    int *out_pidfd);

#endif
