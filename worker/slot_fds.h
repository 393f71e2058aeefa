/* SPDX-License-Identifier: ISC */
/*
 * The fd directory of a slot, in its header: which fds outlive the tenant and
 * what they are.  Written by the keeper before the first tenant and by the
 * tenant; an entry and its fd change in an order that lets the process die
 * between any two stores.  Entries hold numbers of the fd table that keeper
 * and tenant share.
 */
#ifndef HOLDFAST_WORKER_SLOT_FDS_H
#define HOLDFAST_WORKER_SLOT_FDS_H

#include "proto/slot.h"

/* The fd, or -1. */
int slot_fds_find(const struct slot_header *, enum slot_fd_kind,
    uint32_t index);

/*
 * Enters fd, which becomes the slot's and loses CLOEXEC.  *out_old is the fd
 * that stood there before, now the caller's to close, or -1.  -ENOSPC when the
 * directory is full; fd then stays the caller's.
 */
int slot_fds_put(struct slot_header *, enum slot_fd_kind, uint32_t index,
    int fd, int *out_old);

/* Takes an entry out: the fd is the caller's, -1 if there is none. */
int slot_fds_remove(struct slot_header *, enum slot_fd_kind, uint32_t index);

#endif
