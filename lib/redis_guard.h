/* SPDX-License-Identifier: ISC */
/*
 * Stands between Redis' bytes and hiredis' asynchronous layer, which asserts
 * that no reply comes that nobody asked for, and that pushed messages have the
 * usual form: a confused server could end the process.  Here such replies are
 * errors of the link instead.
 */
#ifndef HOLDFAST_LIB_REDIS_GUARD_H
#define HOLDFAST_LIB_REDIS_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define REDIS_GUARD_ELEMENTS (1u << 20) /* of one array */

struct redisAsyncContext;

struct redis_guard {
	uint32_t pending; /* replies that are owed; the link counts */
	/* borrowed; SUBSCRIBE to it was sent, and nothing else is: NULL: not */
	const char *channel;
	bool is_subscribed; /* the array that is being read says "subscribe" */
	bool heard;	    /* set when a reply begins; the link clears it */
};

/* The guard must outlive the context. */
void redis_guard_install(struct redis_guard *, struct redisAsyncContext *);
/* Why a context ends. */
const char *redis_guard_reason(const struct redisAsyncContext *);

#endif
