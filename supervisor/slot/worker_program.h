/* SPDX-License-Identifier: ISC */
/*
 * The executables of the workers, held open: a supervisor starts the workers
 * that came with it, whatever an upgrade of the package has put in their place
 * meanwhile.  That is also what a failed live upgrade goes back to.
 */
#ifndef HOLDFAST_SLOT_WORKER_PROGRAM_H
#define HOLDFAST_SLOT_WORKER_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/slot.h"

struct worker_program {
	int fd; /* owned, O_PATH; -1: not open */
	char path[4096];
	dev_t device;
	ino_t inode;
};

struct worker_programs {
	struct worker_program gateway;
	struct worker_program relay;
};

void worker_programs_init(struct worker_programs *programs);
/* Finds and opens both, unless they are open.  -errno, and *out_missing names
 * the one. */
int worker_programs_open(struct worker_programs *programs, const char *own_dir,
    const char **out_missing);
/* One that another supervisor has opened; takes fd in every case. */
int worker_program_adopt(struct worker_program *program, const char *path,
    int fd);
void worker_programs_close(struct worker_programs *programs);

const struct worker_program *worker_program_of(
    const struct worker_programs *programs, enum slot_kind kind);
const char *worker_program_name(enum slot_kind kind);

/* Does that process run this very file?  False also when it cannot be told. */
bool worker_program_is_run_by(const struct worker_program *program, pid_t pid);

/* In a child: does not return unless it failed, with -errno. */
int worker_program_exec(const struct worker_program *program, char **argv);

/* Where an executable lies: in `own_dir`, in ../libexec/holdfast from there, or
 * in HOLDFAST_LIBEXECDIR.  -ENOENT and the like when none has it. */
int worker_program_find(const char *own_dir, const char *program,
    char *out_path, size_t size);

#endif
