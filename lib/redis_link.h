/* SPDX-License-Identifier: ISC */
/*
 * One connection to Redis, kept up: address by address, with deadlines for
 * connecting and for each reply, a question when it is quiet, back-off with
 * jitter in between, AUTH, SELECT and a look at ROLE before it counts as ready.
 * Used by whoever talks to Redis; hiredis hides behind it.  Commands are
 * answered in order and exactly once: with a reply, or with
 * REDIS_FAULT_LOST when the link went down first; nothing is sent again.
 * Logs nothing: the owner does.
 */
#ifndef HOLDFAST_LIB_REDIS_LINK_H
#define HOLDFAST_LIB_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "lib/redis_auth.h"
#include "lib/redis_fault.h"
#include "lib/redis_link_fsm.h"
#include "lib/redis_reply.h"
#include "lib/redis_tls.h"
#include "lib/redis_url.h"

struct redis_link;

/* reply: NULL when lost; it is gone when the callback returns. */
typedef void redis_link_cb(const struct redisReply *reply, enum redis_fault,
    void *arg);

/* is_up: ready for commands.  Else: down, and why. */
typedef void redis_link_state_cb(bool is_up, const char *why, void *arg);

/* A message of a channel. */
typedef void redis_link_push_cb(const char *bytes, size_t len, void *arg);

struct redis_link_conf {
	struct redis_url url;
	struct redis_auth auth;
	struct redis_auth sentinel_auth; /* with url.master */
	struct redis_tls_conf tls;	 /* with url.tls */
	const char *channel;	     /* borrowed; NULL: commands, else pushes */
	uint32_t connect_timeout_ms; /* from the lookup to ready */
	uint32_t command_timeout_ms;
	uint32_t ping_interval_ms; /* ROLE, or SUBSCRIBE, is repeated */
	uint32_t backoff_ms;
	uint32_t backoff_max_ms;
	uint32_t max_pending; /* replies */
	redis_link_state_cb *on_state;
	redis_link_push_cb *on_push; /* with channel */
	void *arg;
};

/* The strings of conf must outlive the link.  NULL: no memory. */
struct redis_link *redis_link_new(struct event_base *,
    const struct redis_link_conf *);
/* Pending commands are told first.  Never in a callback of the link. */
void redis_link_free(struct redis_link *);

void redis_link_start(struct redis_link *);
/* Drops the connection and begins anew, for instance when it seems deaf. */
void redis_link_renew(struct redis_link *, const char *why);
/* Does not wait for the next attempt, if there is none under way. */
void redis_link_hurry(struct redis_link *);
/* Since then each address has been tried, from the beginning of an attempt to
 * its end, and is not ready; 0: not each has been. */
uint64_t redis_link_tried_ms(const struct redis_link *);

/* Other timeouts from now on. */
void redis_link_set_timeouts(struct redis_link *, uint32_t connect_ms,
    uint32_t command_ms, uint32_t ping_ms);

/*
 * -ENOTCONN: not ready; -EAGAIN: max_pending are under way; -ENOMEM.  cb is
 * never called before this returns; NULL: the reply is not wanted.
 */
int redis_link_command(struct redis_link *, redis_link_cb *cb, void *arg,
    int argc, const char *const *argv, const size_t *lens)
    __attribute__((warn_unused_result));

/* Writes what waits, as far as the socket takes it: what is sent before a link
 * is freed in the same turn. */
void redis_link_flush(struct redis_link *);

enum redis_link_state redis_link_state(const struct redis_link *);
uint32_t redis_link_pending(const struct redis_link *);
/* For how long the reply that comes next has been owed; 0: none is. */
uint64_t redis_link_owed_ms(const struct redis_link *);
/* Error replies so far. */
uint64_t redis_link_errors(const struct redis_link *);
/* Was the last failure the end of a ready link, or of an address that had not
 * failed like that since then?  Else the owner has been told of it before. */
bool redis_link_is_news(const struct redis_link *);
/* "127.0.0.1:6379" or a path: where it is or goes to. */
const char *redis_link_address(const struct redis_link *);
/* Why it last failed, or "". */
const char *redis_link_problem(const struct redis_link *);

#endif
