/* SPDX-License-Identifier: ISC */
/*
 * Wraps the object functions of hiredis' reader, which see each reply as it is
 * parsed, before the asynchronous layer does (see redis_guard.h).  One that
 * returns NULL ends the connection with an error.
 */
#include "lib/redis_guard.h"

#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

/* hiredis' own; the same for every reader. */
static redisReplyObjectFunctions plain;
static redisReplyObjectFunctions guarded;

#define PUSHED 3 /* elements: the kind, the channel, a message or a number */

static bool
is_text(const char *text, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

/* May a reply of this type stand here? */
static bool
is_wanted(const redisReadTask *task, int type)
{
	struct redis_guard *guard = task->privdata;

	if (task->parent == NULL) {
		guard->heard = true;
		if (type == REDIS_REPLY_ERROR)
			return true;
		return guard->channel != NULL ? type == REDIS_REPLY_ARRAY :
						guard->pending > 0;
	}
	if (guard->channel == NULL)
		return true;
	if (task->parent->parent != NULL)
		return false;
	if (task->idx == PUSHED - 1 && guard->is_subscribed)
		return type == REDIS_REPLY_INTEGER;
	return type == REDIS_REPLY_STRING;
}

/* What hiredis looks at in a pushed array. */
static bool
is_pushed(const redisReadTask *task, const char *text, size_t len)
{
	struct redis_guard *guard = task->privdata;

	if (guard->channel == NULL || task->parent == NULL)
		return true;
	if (task->idx == 0) {
		guard->is_subscribed = is_text(text, len, "subscribe");
		return guard->is_subscribed || is_text(text, len, "message");
	}
	return task->idx != 1 || is_text(text, len, guard->channel);
}

static void *
on_string(const redisReadTask *task, char *text, size_t len)
{
	return is_wanted(task, task->type) && is_pushed(task, text, len) ?
	    plain.createString(task, text, len) :
	    NULL;
}

static void *
on_array(const redisReadTask *task, element_count count)
{
	const struct redis_guard *guard = task->privdata;

	if (!is_wanted(task, task->type) ||
	    (int64_t)count > REDIS_GUARD_ELEMENTS)
		return NULL;
	if (guard->channel != NULL && task->parent == NULL && count != PUSHED)
		return NULL;
	return plain.createArray(task, count);
}

static void *
on_integer(const redisReadTask *task, long long value)
{
	return is_wanted(task, task->type) ? plain.createInteger(task, value) :
					     NULL;
}

static void *
on_nil(const redisReadTask *task)
{
	return is_wanted(task, task->type) ? plain.createNil(task) : NULL;
}

#if HIREDIS_MAJOR >= 1
static void *
on_double(const redisReadTask *task, double value, char *text, size_t len)
{
	return is_wanted(task, task->type) ?
	    plain.createDouble(task, value, text, len) :
	    NULL;
}

static void *
on_bool(const redisReadTask *task, int value)
{
	return is_wanted(task, task->type) ? plain.createBool(task, value) :
					     NULL;
}
#endif

void
redis_guard_install(struct redis_guard *guard, struct redisAsyncContext *ac)
{
	redisReader *reader = ac->c.reader;

	memset(guard, 0, sizeof(*guard));
	if (reader->fn != &guarded) {
		plain = *reader->fn;
		guarded = plain;
		guarded.createString = on_string;
		guarded.createArray = on_array;
		guarded.createInteger = on_integer;
		guarded.createNil = on_nil;
#if HIREDIS_MAJOR >= 1
		guarded.createDouble = on_double;
		guarded.createBool = on_bool;
#endif
	}
	reader->fn = &guarded;
	reader->privdata = guard;
}

/* Of a failed connect() hiredis 0.14 tells its inner context alone. */
const char *
redis_guard_reason(const struct redisAsyncContext *ac)
{
	return ac->c.err != 0 ? ac->c.errstr : "closed";
}
