/* SPDX-License-Identifier: ISC */
/*
 * The fd directory of a slot (see slot_fds.h).  Small and scanned from the
 * front: it is asked at start and when fds change, never for a connection.
 */
#include "worker/slot_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "lib/fd.h"

static uint32_t
kind_of(const struct slot_fd *entry)
{
	return atomic_load_explicit(&entry->kind, memory_order_acquire);
}

static const struct slot_fd *
find_entry(const struct slot_header *slot, enum slot_fd_kind kind,
    uint32_t index)
{
	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++) {
		const struct slot_fd *entry = &slot->fds[i];

		if (kind_of(entry) == (uint32_t)kind && entry->index == index)
			return entry;
	}
	return NULL;
}

/* The same, writable: the header is the caller's. */
static struct slot_fd *
find_writable(struct slot_header *slot, enum slot_fd_kind kind, uint32_t index)
{
	const struct slot_fd *entry = find_entry(slot, kind, index);

	return entry == NULL ? NULL : &slot->fds[entry - slot->fds];
}

static struct slot_fd *
find_free(struct slot_header *slot)
{
	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		if (kind_of(&slot->fds[i]) == SLOT_FD_NONE)
			return &slot->fds[i];
	return NULL;
}

int
slot_fds_find(const struct slot_header *slot, enum slot_fd_kind kind,
    uint32_t index)
{
	const struct slot_fd *entry = find_entry(slot, kind, index);

	return entry == NULL ? -1 : entry->fd;
}

int
slot_fds_put(struct slot_header *slot, enum slot_fd_kind kind, uint32_t index,
    int fd, int *out_old)
{
	struct slot_fd *entry = find_writable(slot, kind, index);
	int rc;

	if (entry == NULL && find_free(slot) == NULL)
		return -ENOSPC;
	/* Before the entry: what it names must survive the next exec. */
	rc = fd_set_cloexec(fd, false);
	if (rc != 0)
		return rc;
	if (entry != NULL) {
		/* Dying here leaves an fd nobody knows, which is closed. */
		*out_old = entry->fd;
		commit_store(&entry->fd, fd);
		return 0;
	}
	entry = find_free(slot);
	entry->index = index;
	commit_store(&entry->fd, fd);
	commit_store(&entry->kind, (uint32_t)kind);
	*out_old = -1;
	return 0;
}

int
slot_fds_remove(struct slot_header *slot, enum slot_fd_kind kind,
    uint32_t index)
{
	struct slot_fd *entry = find_writable(slot, kind, index);

	if (entry == NULL)
		return -1;
	commit_store(&entry->kind, (uint32_t)SLOT_FD_NONE);
	return entry->fd;
}
