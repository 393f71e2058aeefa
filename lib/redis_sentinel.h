/* SPDX-License-Identifier: ISC */
/*
 * Asks Redis Sentinels where the master is, one after the other, and keeps the
 * connection to the one that knew, to hear when the master moves.  Used by
 * lib/redis_link.c in place of a list of servers.
 */
#ifndef HOLDFAST_LIB_REDIS_SENTINEL_H
#define HOLDFAST_LIB_REDIS_SENTINEL_H

#include <event2/event.h>

#include "lib/redis_url.h"

struct redis_sentinel;

/* host: a name or literal, or NULL and problem says why. */
typedef void redis_sentinel_cb(const char *host, uint16_t port,
    const char *problem, void *arg);
/* The master has moved: ask again. */
typedef void redis_sentinel_moved_cb(void *arg);

/* url must outlive it.  NULL: no memory. */
struct redis_sentinel *redis_sentinel_new(struct event_base *,
    const struct redis_url *url, redis_sentinel_moved_cb *on_moved, void *arg);
void redis_sentinel_free(struct redis_sentinel *);

/* Asks the next Sentinel.  No deadline: whoever asks has one and cancels.  cb
 * may be called before this returns, and at most once. */
void redis_sentinel_ask(struct redis_sentinel *, redis_sentinel_cb *cb,
    void *arg);
void redis_sentinel_cancel(struct redis_sentinel *);

#endif
