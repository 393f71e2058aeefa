/* SPDX-License-Identifier: ISC */
/*
 * Finds, holds and executes the workers' programs (see worker_program.h).
 */
#include "supervisor/slot/worker_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/fd.h"

/* Above what a child arranges for its worker. */
#define FIRST_FD 16

const char *
worker_program_name(enum slot_kind kind)
{
	return kind == SLOT_KIND_RELAY ? "holdfast-relay" : "holdfast-gateway";
}

const struct worker_program *
worker_program_of(const struct worker_programs *programs, enum slot_kind kind)
{
	return kind == SLOT_KIND_RELAY ? &programs->relay : &programs->gateway;
}

int
worker_program_find(const char *own_dir, const char *program, char *out_path,
    size_t size)
{
	static const struct {
		bool own;
		const char *dir;
	} places[] = {
		{ true, "" },			  /* a build directory */
		{ true, "/../libexec/holdfast" }, /* moved, or DESTDIR */
		{ false, HOLDFAST_LIBEXECDIR },
	};
	int rc = -ENOENT;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int len = snprintf(out_path, size, "%s%s/%s",
		    places[i].own ? own_dir : "", places[i].dir, program);

		if (len < 0 || (size_t)len >= size)
			return -ENAMETOOLONG;
		if (access(out_path, X_OK) == 0)
			return 0;
		if (errno != ENOENT)
			rc = -errno;
	}
	return rc;
}

static int
take(struct worker_program *program, int fd)
{
	struct stat st;
	int rc = 0;

	program->fd = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	if (program->fd == -1 || fstat(program->fd, &st) == -1)
		rc = -errno;
	fd_close(&fd);
	if (rc != 0) {
		fd_close(&program->fd);
		return rc;
	}
	program->device = st.st_dev;
	program->inode = st.st_ino;
	return 0;
}

static int
open_one(struct worker_program *program, const char *own_dir,
    enum slot_kind kind)
{
	int fd, rc;

	if (program->fd != -1)
		return 0;
	rc = worker_program_find(own_dir, worker_program_name(kind),
	    program->path, sizeof(program->path));
	if (rc != 0)
		return rc;
	fd = open(program->path, O_PATH | O_CLOEXEC);
	return fd == -1 ? -errno : take(program, fd);
}

int
worker_program_adopt(struct worker_program *program, const char *path, int fd)
{
	snprintf(program->path, sizeof(program->path), "%s", path);
	return take(program, fd);
}

void
worker_programs_init(struct worker_programs *programs)
{
	programs->gateway.fd = programs->relay.fd = -1;
}

int
worker_programs_open(struct worker_programs *programs, const char *own_dir,
    const char **out_missing)
{
	int rc;

	*out_missing = worker_program_name(SLOT_KIND_GATEWAY);
	rc = open_one(&programs->gateway, own_dir, SLOT_KIND_GATEWAY);
	if (rc != 0)
		return rc;
	*out_missing = worker_program_name(SLOT_KIND_RELAY);
	rc = open_one(&programs->relay, own_dir, SLOT_KIND_RELAY);
	if (rc != 0)
		worker_programs_close(programs);
	return rc;
}

void
worker_programs_close(struct worker_programs *programs)
{
	fd_close(&programs->gateway.fd);
	fd_close(&programs->relay.fd);
}

static bool
is_at(const struct worker_program *program, const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == program->device &&
	    st.st_ino == program->inode;
}

bool
worker_program_is_run_by(const struct worker_program *program, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return is_at(program, path);
}

int
worker_program_exec(const struct worker_program *program, char **argv)
{
	/* By name while it has one: older kernels would show a process that
	 * is executed by fd under the fd's number. */
	if (is_at(program, program->path))
		(void)execv(program->path, argv);
	(void)syscall(SYS_execveat, program->fd, "", argv, environ,
	    AT_EMPTY_PATH);
	return -errno;
}
