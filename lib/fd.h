/* SPDX-License-Identifier: ISC */
/*
 * Small helpers for file descriptors: flags, closing, sealed shared memory,
 * pidfds, whole reads and writes, and the process's fd limit. A closed fd is
 * -1; every fd made here is CLOEXEC from birth. Failure is -errno.
 */
#ifndef HOLDFAST_LIB_FD_H
#define HOLDFAST_LIB_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int fd_set_cloexec(int fd, bool on);
int fd_set_nonblock(int fd, bool on);

/* Do both stand for one open file?  False also when the kernel cannot tell. */
bool fd_is_same(int, int);

/* Closes *fd unless it is -1, sets it to -1 and leaves errno alone. */
void fd_close(int *fd);

/*
 * Shared memory of `size` zero bytes that can grow but never shrink, so no
 * process can make another fault with SIGBUS (F_SEAL_SHRINK), nor add seals
 * that would keep the owner from growing or writing it (F_SEAL_SEAL).
 */
int fd_memfd_create(const char *name, size_t size, int *out_fd);

int fd_pidfd_open(pid_t pid, int *out_fd);

/* fork(2) and the child's pidfd; *out_pid is 0 in the child.  A child that
 * cannot be watched is killed, and reaped by whoever reaps strays. */
int fd_fork(pid_t *out_pid, int *out_pidfd);

/* -ESRCH when the process is gone (and reaped or a zombie reaped elsewhere). */
int fd_pidfd_signal(int pidfd, int signo);

/* Writes all of it to a blocking fd. */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Reads a whole file into buf and ends it with a NUL. -EFBIG when it does not
 * fit in cap - 1 bytes.
 */
int fd_read_file(const char *path, char *buf, size_t cap, size_t *out_len);

/*
 * Writes text to an existing file, such as those in /proc, with one write().
 */
int fd_write_file(const char *path, const char *text);

/* How many fds this process has open, or -errno. */
int fd_count_open(void);

/* Raises RLIMIT_NOFILE to its hard limit; tells the limit now in force. */
int fd_raise_nofile(uint64_t *out_limit);

#endif
