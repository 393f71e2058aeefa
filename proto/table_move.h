/* SPDX-License-Identifier: ISC */
/*
 * A table in a handoff: the taker fills a fresh table from the giver's, with
 * its own numbers for the sockets, and the giver writes a copy in the layout of
 * a taker that is older.  Both are the same copy between two layouts, of which
 * one is this version's.  The index is not copied: table_adopt() makes it.
 */
#ifndef HOLDFAST_PROTO_TABLE_MOVE_H
#define HOLDFAST_PROTO_TABLE_MOVE_H

#include <stdint.h>

#include "proto/table_layout.h"

/* A mapped table of any layout. */
struct table_image {
	const struct table_layout *layout;
	uint8_t *base; /* mapped; owned after table_image_open() */
	uint64_t bytes;
	uint32_t capacity;
	int fd; /* borrowed */
};

/* Maps and checks; writable as in shm_map().  NULL for the layout: one that
 * nobody here knows, -EPROTONOSUPPORT.  -EPROTO: it is not what fd holds. */
int table_image_open(struct table_image *, int fd, const struct table_layout *,
    int writable) __attribute__((warn_unused_result));
void table_image_close(struct table_image *);
/* Makes a fresh memfd, as long as the layout says, an empty table which is the
 * same slot's as `like`.  -ENOMEM. */
int table_image_format(int fd, const struct table_layout *,
    const struct table_image *like, struct table_image *out)
    __attribute__((warn_unused_result));

/* Has the pages of so many records there before they are written: what table_
 * move() does itself costs clients time.  Failing is no harm. */
void table_image_prepare(const struct table_image *, uint32_t records);

/*
 * Copies all records and what the header says of them.  fds[rec] is the socket
 * of a record on the other side, -1: none; NULL: as they are.  `to` is freshly
 * formatted, of at least as many records as `from` uses, and nobody serves from
 * it.  -EPROTO: a record in use has no socket, or makes no sense; -ENOTSUP: the
 * other layout cannot hold it; -ENOSPC; -ENOMEM.
 */
int table_move(const struct table_image *from, const struct table_image *to,
    const int *fds) __attribute__((warn_unused_result));

#endif
