/* SPDX-License-Identifier: ISC */
/*
 * File descriptor helpers (see fd.h).
 */
#include "lib/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int
fd_set_cloexec(int fd, bool on)
{
	/* FD_CLOEXEC is the only descriptor flag there is. */
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) == -1 ? -errno : 0;
}

int
fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	int wanted;

	if (flags == -1)
		return -errno;
	wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (wanted != flags && fcntl(fd, F_SETFL, wanted) == -1)
		return -errno;
	return 0;
}

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd != -1) {
		/* Linux frees the fd even when close() reports EINTR. */
		close(*fd);
		*fd = -1;
	}
	errno = saved;
}

int
fd_memfd_create(const char *name, size_t size, int *out_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc;

	if (fd == -1)
		return -errno;
	if (ftruncate(fd, (off_t)size) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) == -1) {
		rc = -errno;
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int
fd_pidfd_open(pid_t pid, int *out_fd)
{
	int fd = pidfd_open(pid, 0);

	if (fd == -1)
		return -errno;
	*out_fd = fd;
	return 0;
}

int
fd_fork(pid_t *out_pid, int *out_pidfd)
{
	pid_t pid = fork();
	int rc;

	if (pid == -1)
		return -errno;
	if (pid == 0) {
		*out_pid = 0;
		return 0;
	}
	/* Not reaped yet, so the pid is still the child's. */
	rc = fd_pidfd_open(pid, out_pidfd);
	if (rc != 0) {
		kill(pid, SIGKILL);
		return rc;
	}
	*out_pid = pid;
	return 0;
}

bool
fd_is_same(int a, int b)
{
	long pid = getpid();

	return syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b) == 0;
}

int
fd_pidfd_signal(int pidfd, int signo)
{
	return pidfd_send_signal(pidfd, signo, NULL, 0) == -1 ? -errno : 0;
}

int
fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Fills buf until end of file; len == cap means that it did not end in time. */
static int
read_until_eof(int fd, char *buf, size_t cap, size_t *out_len)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap) {
		n = read(fd, buf + len, cap - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out_len = len;
	return 0;
}

int
fd_read_file(const char *path, char *buf, size_t cap, size_t *out_len)
{
	size_t len = 0;
	int fd, rc;

	if (cap == 0)
		return -EINVAL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	rc = read_until_eof(fd, buf, cap, &len);
	fd_close(&fd);
	if (rc != 0)
		return rc;
	if (len == cap)
		return -EFBIG;
	buf[len] = '\0';
	*out_len = len;
	return 0;
}

int
fd_write_file(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;
	ssize_t n;

	if (fd == -1)
		return -errno;
	n = write(fd, text, len);
	if (n == -1)
		rc = -errno;
	else if ((size_t)n != len)
		rc = -EIO;
	fd_close(&fd);
	return rc;
}

int
fd_count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			count++;
	closedir(dir);
	/* The directory's own fd was among them. */
	return count - 1;
}

int
fd_raise_nofile(uint64_t *out_limit)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	if (limit.rlim_cur != limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			return -errno;
	}
	*out_limit = limit.rlim_cur;
	return 0;
}
