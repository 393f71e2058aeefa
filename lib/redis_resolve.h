/* SPDX-License-Identifier: ISC */
/*
 * Name lookup that does not block: hiredis would call getaddrinfo() in the
 * event loop.  /etc/hosts and the name servers of resolv.conf are asked, read
 * anew each time, since a failover may have changed them.
 */
#ifndef HOLDFAST_LIB_REDIS_RESOLVE_H
#define HOLDFAST_LIB_REDIS_RESOLVE_H

#include <stdint.h>

#include <event2/event.h>

struct redis_resolve;

/* address: a literal, or NULL and problem says why. */
typedef void redis_resolve_cb(const char *address, const char *problem,
    void *arg);

/* NULL: no memory. */
struct redis_resolve *redis_resolve_new(struct event_base *);
void redis_resolve_free(struct redis_resolve *);

/*
 * One lookup at a time; a literal is its own answer.  A name server that has
 * not answered in a part of timeout_ms, which the caller watches over, is
 * followed by the next.  cb may be called before this returns, and is called
 * exactly once unless the lookup is cancelled.
 */
void redis_resolve_start(struct redis_resolve *, const char *name,
    uint32_t timeout_ms, redis_resolve_cb *cb, void *arg);
void redis_resolve_cancel(struct redis_resolve *);

#endif
