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

/* May a reply of this type stand here? */
static bool
is_wanted(const redisReadTask *task, int type)
{
	struct redis_guard *guard = task->privdata;

	if (task->parent != NULL)
		/* the kind of a pushed message, and its channel */
		return !guard->pushes || task->parent->parent != NULL ||
		    task->idx > 1 || type == REDIS_REPLY_STRING;
	guard->heard = true;
	if (type == REDIS_REPLY_ERROR)
		return true;
	if (guard->pushes)
		return type == REDIS_REPLY_ARRAY;
	return guard->pending > 0;
}

static void *
on_string(const redisReadTask *task, char *text, size_t len)
{
	return is_wanted(task, task->type) ?
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
	if (guard->pushes && task->parent == NULL && count < 3)
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
