/* SPDX-License-Identifier: ISC */
/*
 * See redis_reply.h.
 */
#include "lib/redis_reply.h"

#include <string.h>

#include <hiredis/hiredis.h>

#include "lib/parse.h"

const char *
redis_reply_text(const struct redisReply *reply, size_t *out_len)
{
	if (reply == NULL ||
	    (reply->type != REDIS_REPLY_STRING &&
		reply->type != REDIS_REPLY_STATUS) ||
	    reply->str == NULL)
		return NULL;
	if (out_len != NULL)
		*out_len = (size_t)reply->len;
	return reply->str;
}

bool
redis_reply_is_nil(const struct redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_NIL;
}

bool
redis_reply_is(const struct redisReply *reply, const char *text)
{
	const char *have;
	size_t len;

	have = redis_reply_text(reply, &len);
	return have != NULL && len == strlen(text) &&
	    memcmp(have, text, len) == 0;
}

int64_t
redis_reply_integer(const struct redisReply *reply, int64_t fallback)
{
	return reply != NULL && reply->type == REDIS_REPLY_INTEGER ?
	    reply->integer :
	    fallback;
}

size_t
redis_reply_count(const struct redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_ARRAY ?
	    reply->elements :
	    0;
}

const struct redisReply *
redis_reply_at(const struct redisReply *reply, size_t at)
{
	return at < redis_reply_count(reply) ? reply->element[at] : NULL;
}

const char *
redis_reply_text_at(const struct redisReply *reply, size_t at)
{
	const char *text = redis_reply_text(redis_reply_at(reply, at), NULL);

	return text == NULL ? "" : text;
}

uint64_t
redis_reply_number_at(const struct redisReply *reply, size_t at)
{
	const struct redisReply *element = redis_reply_at(reply, at);
	const char *text = redis_reply_text(element, NULL);
	uint64_t number = 0;

	if (text == NULL)
		return (uint64_t)redis_reply_integer(element, 0);
	/* What is no number reads 0. */
	(void)!parse_u64(text, 0, INT64_MAX, &number);
	return number;
}

const char *
redis_reply_error(const struct redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_ERROR &&
		reply->str != NULL ?
	    reply->str :
	    NULL;
}
