/* SPDX-License-Identifier: ISC */
/*
 * The fd sweep (see fd_sweep.h).  Asks poll() about each number up to the size
 * of the fd table, many at once: a call of fcntl() for each of 32,768 takes ten
 * times as long, and reading /proc/self/fd even more, because the kernel makes
 * an inode for each entry.
 */
#include "worker/fd_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/log.h"
#include "worker/process.h"

#define SWEEP_FDS 1024

/* One bit for each fd up to the highest that the frame itself knows. */
struct known {
	uint8_t *bits; /* owned */
	int end;
};

static void
add_known(struct known *known, int fd)
{
	if (fd >= 0 && fd < known->end)
		known->bits[fd / 8] |= (uint8_t)(1u << (fd % 8));
}

static bool
is_known(const struct known *known, int fd)
{
	return fd < known->end && (known->bits[fd / 8] & 1u << (fd % 8)) != 0;
}

static int
list_known(const struct slot_header *slot, struct known *known)
{
	int highest = STDERR_FILENO;

	if (log_fd() > highest)
		highest = log_fd();
	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		if (slot->fds[i].kind != SLOT_FD_NONE &&
		    slot->fds[i].fd > highest)
			highest = slot->fds[i].fd;
	known->end = highest < INT_MAX ? highest + 1 : highest;
	known->bits = calloc(1, (size_t)known->end / 8 + 1);
	if (known->bits == NULL)
		return -ENOMEM;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		add_known(known, fd);
	add_known(known, log_fd());
	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		if (slot->fds[i].kind != SLOT_FD_NONE)
			add_known(known, slot->fds[i].fd);
	return 0;
}

/* One past the highest number an open fd can have. */
static int
end_of_table(void)
{
	struct rlimit limit;
	uint64_t size;

	if (process_status("FDSize", &size) == 0 && size < INT_MAX)
		return (int)size;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < INT_MAX)
		return (int)limit.rlim_max;
	return INT_MAX;
}

/* The keeper, which shares the table, watches this tenant through one. */
static bool
is_pidfd(int fd)
{
	char path[40];
	char target[32];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len == -1)
		return false;
	target[len] = '\0';
	/* The second form is that of pidfs, Linux 6.9. */
	return strncmp(target, "anon_inode:[pidfd]", 18) == 0 ||
	    strncmp(target, "pidfd:[", 7) == 0;
}

static bool
is_wanted(struct worker *worker, const struct known *known, int fd)
{
	const struct worker_ops *ops = worker->ops;

	if (is_known(known, fd))
		return true;
	if (ops->knows_fd != NULL && ops->knows_fd(worker, fd))
		return true;
	if (is_pidfd(fd))
		return true;
	return ops->claims_fd != NULL && ops->claims_fd(worker, fd);
}

/* Whether each of `count` numbers from fd on is open. */
static void
ask(int fd, int count, bool *out_open)
{
	struct pollfd asked[SWEEP_FDS];
	int rc;

	for (int i = 0; i < count; i++)
		asked[i] = (struct pollfd){ .fd = fd + i };
	do
		rc = poll(asked, (nfds_t)count, 0);
	while (rc == -1 && errno == EINTR);
	/* No more than the limit of open files can be asked about at once. */
	for (int i = 0; i < count; i++)
		out_open[i] = rc == -1 ? fcntl(fd + i, F_GETFD) != -1 :
					 (asked[i].revents & POLLNVAL) == 0;
}

int
fd_sweep(struct worker *worker, uint32_t *out_closed)
{
	int end = end_of_table(), count, rc;
	bool open[SWEEP_FDS];
	struct known known;
	uint32_t closed = 0;

	rc = list_known(worker->slot, &known);
	if (rc != 0)
		return rc;
	for (int fd = 0; fd < end; fd += count) {
		count = end - fd < SWEEP_FDS ? end - fd : SWEEP_FDS;
		worker_beat(worker);
		ask(fd, count, open);
		for (int i = 0; i < count; i++) {
			if (!open[i] || is_wanted(worker, &known, fd + i))
				continue;
			close(fd + i);
			closed++;
		}
	}
	free(known.bits);
	*out_closed = closed;
	return 0;
}

uint32_t
fd_sweep_given(struct worker *worker)
{
	const struct worker_ops *ops = worker->ops;
	uint32_t closed = 0;

	for (uint32_t i = 0; i < worker->given_count; i++) {
		int fd = worker->given[i];

		if ((ops->knows_fd != NULL && ops->knows_fd(worker, fd)) ||
		    (ops->claims_fd != NULL && ops->claims_fd(worker, fd)))
			continue;
		close(fd);
		closed++;
	}
	free(worker->given);
	worker->given = NULL;
	worker->given_count = 0;
	return closed;
}
