/* SPDX-License-Identifier: ISC */
/*
 * A connection's place in the slot's epoll set: what it waits for, and the tag
 * by which its events name it.
 */
#ifndef HOLDFAST_GATEWAY_WATCH_H
#define HOLDFAST_GATEWAY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/table.h"

/* op as in epoll_ctl(2).  -errno. */
int watch_set(int set, int op, uint32_t rec, const struct record_body *);

/* See struct worker_ops. */
int watch_early(int set, uint32_t rec, uint32_t gen, int fd);
int watch_rest(int set, const struct record *records, uint32_t count,
    const bool *watched);

#endif
