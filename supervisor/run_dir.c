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

int
run_dir_open(struct run_dir *dir, const char *path, pid_t *out_holder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char name[512];
	int fd, rc;

	rc = run_dir_make(path);
	if (rc != 0)
		return rc;
	snprintf(dir->path, sizeof(dir->path), "%s", path);
	dir->lock = -1;
	rc = run_dir_path(dir, LOCK_NAME, name, sizeof(name));
	if (rc != 0)
		return rc;
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
	dir->lock = fd;
	return 0;
}

int
run_dir_write_pid(struct run_dir *dir)
{
	char name[512], temporary[512], text[32];
	int fd, rc;

	rc = run_dir_path(dir, PID_NAME, name, sizeof(name));
	if (rc == 0)
		rc = run_dir_path(dir, PID_NAME ".new", temporary,
		    sizeof(temporary));
	if (rc != 0)
		return rc;
	fd = open(temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -errno;
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	rc = fd_write_all(fd, text, strlen(text));
	fd_close(&fd);
	if (rc == 0 && rename(temporary, name) == -1)
		rc = -errno;
	if (rc != 0)
		(void)unlink(temporary);
	else
		dir->pid_written = 1;
	return rc;
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
}
