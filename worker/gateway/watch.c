/* SPDX-License-Identifier: ISC */
/*
 * Entries of the slot's epoll set (see watch.h): level-triggered, so that one
 * that is made anew tells again what was not dealt with.
 */
#include "worker/gateway/watch.h"

#include <sys/epoll.h>

#include <errno.h>

static uint32_t
interest(const struct record_body *body)
{
	return ((body->flags & RECORD_UNREAD) ? 0u : (uint32_t)EPOLLIN) |
	    ((body->flags & RECORD_WANT_OUT) ? (uint32_t)EPOLLOUT : 0u);
}

int
watch_set(int set, int op, uint32_t rec, const struct record_body *body)
{
	struct epoll_event ev = {
		.events = interest(body),
		.data.u64 = (uint64_t)body->gen << 32 | rec,
	};

	return epoll_ctl(set, op, body->fd, &ev) == 0 ? 0 : -errno;
}

int
watch_early(int set, uint32_t rec, uint32_t gen, int fd)
{
	const struct record_body body = { .gen = gen, .fd = fd };

	return watch_set(set, EPOLL_CTL_ADD, rec, &body);
}

int
watch_rest(int set, const struct record *records, uint32_t count,
    const bool *watched)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		const struct record_body *b = &records[i].body;

		if (b->state == RECORD_FREE || b->fd < 0)
			continue;
		if (!watched[i])
			rc = watch_set(set, EPOLL_CTL_ADD, i, b);
		else if (interest(b) != (uint32_t)EPOLLIN)
			rc = watch_set(set, EPOLL_CTL_MOD, i, b);
	}
	return rc;
}
