/* SPDX-License-Identifier: ISC */
/*
 * The run directory (see run_dir.h).  The lock is fcntl's, which belongs to
 * the process: an inherited flock would live on in the keepers.
 */
#include "supervisor/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"

#define LOCK_NAME "lock"
#define PID_NAME  "holdfastd.pid"
/* Another file than the run directory's lock: the folders may be one. */
#define STATE_LOCK_NAME "state.lock"

int
run_dir_make(const char *path)
{
	char text[4096];
	struct stat st;
	char *p;

	if (snprintf(text, sizeof(text), "%s", path) >= (int)sizeof(text))
		return -ENAMETOOLONG;
	for (p = text + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(text, 0755) == -1 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(text, 0755) == -1 && errno != EEXIST)
		return -errno;
	if (stat(text, &st) == -1)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int
run_dir_path(const struct run_dir *dir, const char *name, char *out,
    size_t size)
{
	int len = snprintf(out, size, "%s/%s", dir->path, name);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int
lock_file(const char *name, int *out_fd, pid_t *out_holder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, rc;

	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	if (fcntl(fd, F_SETLK, &lock) == -1) {
		rc = errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
		*out_holder = 0;
		if (rc == -EBUSY && fcntl(fd, F_GETLK, &lock) == 0 &&
		    lock.l_type != F_UNLCK)
			*out_holder = lock.l_pid;
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int
run_dir_open(struct run_dir *dir, const char *path, pid_t *out_holder)
{
	char name[512];
	int rc;

	rc = run_dir_make(path);
	if (rc != 0)
		return rc;
	snprintf(dir->path, sizeof(dir->path), "%s", path);
	dir->lock = dir->state_lock = -1;
	rc = run_dir_path(dir, LOCK_NAME, name, sizeof(name));
	if (rc == 0)
		rc = lock_file(name, &dir->lock, out_holder);
	if (rc != 0)
		return rc;
	/* A pid file that is there names a dead process. */
	if (run_dir_path(dir, PID_NAME, name, sizeof(name)) == 0)
		(void)unlink(name);
	return 0;
}

int
run_dir_lock_state(struct run_dir *dir, const char *path, pid_t *out_holder)
{
	char name[512];
	int len = snprintf(name, sizeof(name), "%s/" STATE_LOCK_NAME, path);

	if (len < 0 || (size_t)len >= sizeof(name))
		return -ENAMETOOLONG;
	return lock_file(name, &dir->state_lock, out_holder);
}

int
run_dir_store(struct run_dir *dir, const char *name, const void *data,
    size_t len, mode_t mode)
{
	char path[512], temporary[512 + 8];
	int fd, rc;

	rc = run_dir_path(dir, name, path, sizeof(path));
	if (rc != 0)
		return rc;
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	/* The mode is that of a file that is made, not of one left over. */
	(void)unlink(temporary);
	fd = open(temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return -errno;
	rc = fd_write_all(fd, data, len);
	fd_close(&fd);
	if (rc == 0 && rename(temporary, path) == -1)
		rc = -errno;
	if (rc != 0)
		(void)unlink(temporary);
	return rc;
}

int
run_dir_write_pid(struct run_dir *dir)
{
	char text[32];
	int rc;

	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	rc = run_dir_store(dir, PID_NAME, text, strlen(text), 0644);
	if (rc == 0)
		dir->pid_written = 1;
	return rc;
}

void
run_dir_let_go(struct run_dir *dir)
{
	dir->pid_written = 0;
	fd_close(&dir->lock);
	fd_close(&dir->state_lock);
}

void
run_dir_close(struct run_dir *dir)
{
	char name[512];

	if (dir->pid_written &&
	    run_dir_path(dir, PID_NAME, name, sizeof(name)) == 0)
		(void)unlink(name);
	dir->pid_written = 0;
	fd_close(&dir->lock);
	fd_close(&dir->state_lock);
}
