/* SPDX-License-Identifier: ISC */
/*
 * Asks Redis Sentinels where the master is, one after the other, and keeps the
 * connection to the one that knew, to hear when the master moves.  When that
 * one goes away or falls silent the next is asked again.  Speaks TLS and begins
 * with AUTH as it was told to.  Used by lib/redis_link.c in place of a list of
 * servers.
 */
#ifndef HOLDFAST_LIB_REDIS_SENTINEL_H
#define HOLDFAST_LIB_REDIS_SENTINEL_H

#include <stdint.h>

#include <event2/event.h>

#include "lib/redis_auth.h"
#include "lib/redis_tls.h"
#include "lib/redis_url.h"

struct redis_sentinel;

/* host: a name or literal, or NULL and problem says why; both are gone when it
 * returns. */
typedef void redis_sentinel_cb(const char *host, uint16_t port,
    const char *problem, void *arg);
/* The master has moved: ask again. */
typedef void redis_sentinel_moved_cb(void *arg);

struct redis_sentinel_conf {
	const struct redis_url *url; /* borrowed */
	struct redis_auth auth;
	struct redis_tls_conf tls; /* with url->tls */
	/* as of the link */
	uint32_t connect_timeout_ms;
	uint32_t command_timeout_ms;
	uint32_t ping_interval_ms;
	uint32_t backoff_ms;
	uint32_t backoff_max_ms;
	redis_sentinel_moved_cb *on_moved;
	void *arg;
};

/* What conf borrows must outlive it.  NULL: no memory. */
struct redis_sentinel *redis_sentinel_new(struct event_base *,
    const struct redis_sentinel_conf *);
void redis_sentinel_free(struct redis_sentinel *);

/* Asks the next Sentinel.  No deadline: whoever asks has one and cancels.  cb
 * may be called before this returns, and at most once. */
void redis_sentinel_ask(struct redis_sentinel *, redis_sentinel_cb *cb,
    void *arg);
void redis_sentinel_cancel(struct redis_sentinel *);

/* Other timeouts from now on. */
void redis_sentinel_set_timeouts(struct redis_sentinel *, uint32_t connect_ms,
    uint32_t command_ms, uint32_t ping_ms);

#endif
