/* SPDX-License-Identifier: ISC */
/*
 * The typed fields of a log event, as lib/log.h shows them; it includes this.
 */
#ifndef HOLDFAST_LIB_LOG_FIELD_H
#define HOLDFAST_LIB_LOG_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/log_line.h"

/* Texts are borrowed until the call returns and may be hostile. */
static inline struct log_field
log_bytes(const char *key, const char *bytes, size_t len)
{
	return (struct log_field){ key, LOG_TYPE_TEXT, len, { .text = bytes } };
}

/* text may be NULL. */
static inline struct log_field
log_text(const char *key, const char *text)
{
	return log_bytes(key, text == NULL ? "" : text,
	    text == NULL ? 0 : strlen(text));
}

static inline struct log_field
log_int(const char *key, int64_t value)
{
	return (struct log_field){ key, LOG_TYPE_INT, 0, { .i = value } };
}

static inline struct log_field
log_uint(const char *key, uint64_t value)
{
	return (struct log_field){ key, LOG_TYPE_UINT, 0, { .u = value } };
}

static inline struct log_field
log_double(const char *key, double value)
{
	return (struct log_field){ key, LOG_TYPE_DOUBLE, 0, { .d = value } };
}

static inline struct log_field
log_bool(const char *key, bool value)
{
	return (struct log_field){ key, LOG_TYPE_BOOL, 0, { .i = value } };
}

/* error="No such file or directory"; takes errno or a -errno result. */
static inline struct log_field
log_errno(int rc)
{
	return (struct log_field){ "error", LOG_TYPE_ERRNO, 0,
		{ .i = rc < 0 ? -(int64_t)rc : rc } };
}

static inline struct log_field
log_end(void)
{
	return (struct log_field){ NULL, LOG_TYPE_END, 0, { .i = 0 } };
}

#endif
