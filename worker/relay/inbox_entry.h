/* SPDX-License-Identifier: ISC */
/*
 * One entry of the stream inbox:NODE, for inbox.c alone.
 */
#ifndef HOLDFAST_RELAY_INBOX_ENTRY_H
#define HOLDFAST_RELAY_INBOX_ENTRY_H

#include <stdbool.h>

struct inbox;
struct redisReply;

/* Delivers it and moves inbox->state behind it.  false: not now, because a ring
 * is full or a table busy; nothing has happened then. */
bool inbox_entry_take(struct inbox *, const struct redisReply *);

#endif
