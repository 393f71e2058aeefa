/* SPDX-License-Identifier: ISC */
/*
 * The run directory: made if it is not there, locked so that two supervisors
 * never share it, with the pid file in it.
 */
#ifndef HOLDFAST_SUPERVISOR_RUN_DIR_H
#define HOLDFAST_SUPERVISOR_RUN_DIR_H

#include <stddef.h>
#include <sys/types.h>

struct run_dir {
	char path[256];
	int lock;	/* owned; closing any fd of that file drops the lock */
	int state_lock; /* owned; -1: none */
	int pid_written;
};

/* -EBUSY: process *out_holder has it; -errno. */
int run_dir_open(struct run_dir *dir, const char *path, pid_t *out_holder);
/* Unlocks; the files are the next supervisor's. */
void run_dir_let_go(struct run_dir *dir);
/* Removes the pid file and unlocks. */
void run_dir_close(struct run_dir *dir);

/* Locks the state directory, which is there, for as long. */
int run_dir_lock_state(struct run_dir *dir, const char *path,
    pid_t *out_holder);

/* Replaces a file in one step: whoever reads it finds the old one or the new
 * one, whole. */
int run_dir_store(struct run_dir *dir, const char *name, const void *data,
    size_t len, mode_t mode);

/* Replaces the pid file in one step. */
int run_dir_write_pid(struct run_dir *dir);

/* "<run_dir>/<name>"; -ENAMETOOLONG. */
int run_dir_path(const struct run_dir *dir, const char *name, char *out,
    size_t size);

/* mkdir -p with mode 0755. */
int run_dir_make(const char *path);

#endif
