/* SPDX-License-Identifier: ISC */
/*
 * Reading a reply without hiredis' header.  Each answers for what is not there
 * as well: a reply of another kind than expected is no text, no number, empty.
 */
#ifndef HOLDFAST_LIB_REDIS_REPLY_H
#define HOLDFAST_LIB_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

/* Bytes with a NUL behind them, or NULL (nil, a number, an array, NULL).
 * out_len may be NULL. */
const char *redis_reply_text(const struct redisReply *, size_t *out_len);
bool redis_reply_is_nil(const struct redisReply *);
bool redis_reply_is(const struct redisReply *, const char *text);
/* An integer, or `fallback`. */
int64_t redis_reply_integer(const struct redisReply *, int64_t fallback);
/* Elements of an array, or 0. */
size_t redis_reply_count(const struct redisReply *);
const struct redisReply *redis_reply_at(const struct redisReply *, size_t);
/* An element's: "" where there is none. */
const char *redis_reply_text_at(const struct redisReply *, size_t);
/* An element's, also of digits, as scripts and hashes have numbers; 0 where
 * there is none. */
uint64_t redis_reply_number_at(const struct redisReply *, size_t);
/* The text of an error, or NULL. */
const char *redis_reply_error(const struct redisReply *);

#endif
