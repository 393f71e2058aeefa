/* SPDX-License-Identifier: ISC */
/*
 * What giver and taker of a slot have in common (see handoff.h): waiting for
 * each other, and knowing whether copies of the slot's sockets still exist.
 */
#include "worker/handoff.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <event2/event_struct.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "worker/slot_fds.h"

#define BEAT_MS 50

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* For a moment, or until there is something to be read. */
static void
wait_readable(const struct worker *worker, int fd)
{
	const struct timeval moment = { 0, BEAT_MS * 1000 };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct event readable;

	if (!worker->stands_by ||
	    event_assign(&readable, worker->base, fd, EV_READ, on_readable,
		NULL) != 0 ||
	    event_add(&readable, &moment) != 0) {
		(void)poll(&pfd, 1, BEAT_MS);
		return;
	}
	(void)event_base_loop(worker->base, EVLOOP_ONCE);
	event_del(&readable);
}

int
handoff_wait_any(struct worker *worker, struct channel *channel,
    uint32_t deadline_ms, struct message *out)
{
	uint64_t until = clock_mono_ms() + deadline_ms;
	int rc;

	for (;;) {
		worker_beat(worker);
		rc = channel_recv(channel, out);
		if (rc != 0)
			return rc;
		if (clock_mono_ms() >= until)
			return -ETIMEDOUT;
		wait_readable(worker, channel->fd);
	}
}

int
handoff_wait(struct worker *worker, struct channel *channel,
    enum message_kind kind, uint32_t deadline_ms, struct message *out)
{
	int rc = handoff_wait_any(worker, channel, deadline_ms, out);

	if (rc != 1 || out->kind == kind)
		return rc;
	message_clear(out);
	return -EPROTO;
}

void
handoff_find(struct worker *worker)
{
	int fd = worker_fd(worker, SLOT_FD_HANDOFF, 0);

	if (fd == -1 || atomic_load(&worker->slot->handoff_taking) != 0)
		return;
	/* A peer that still waits must give up; its end tells us so. */
	(void)shutdown(fd, SHUT_WR);
	worker->handoff_fd = fd;
}

bool
worker_copies_exist(struct worker *worker)
{
	char byte;
	ssize_t n;

	if (worker->handoff_fd == -1)
		return false;
	/* The taker's answers are not for us to read. */
	if (worker->giver != NULL)
		return true;
	do
		n = recv(worker->handoff_fd, &byte, 1, MSG_DONTWAIT);
	while (n > 0 || (n == -1 && errno == EINTR));
	if (n == -1 && errno == EAGAIN)
		return true;
	slot_fds_remove(worker->slot, SLOT_FD_HANDOFF, 0);
	fd_close(&worker->handoff_fd);
	return false;
}
