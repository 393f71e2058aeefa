/* SPDX-License-Identifier: ISC */
/*
 * A growing byte buffer with a hard limit, for texts that are built in pieces
 * (HTTP, metrics, JSON, config). Errors stick: after the first append that does
 * not fit or finds no memory all others do nothing, and textbuf_error() tells
 * once, at the end. Pure but for malloc. Not called strbuf because libconfig
 * exports strbuf_append() and would call ours instead of its own.
 */
#ifndef HOLDFAST_LIB_TEXTBUF_H
#define HOLDFAST_LIB_TEXTBUF_H

#include <stdarg.h>
#include <stddef.h>

struct textbuf {
	char *data; /* owned; NULL until something is appended */
	size_t len;
	size_t cap;
	size_t max_bytes; /* len never exceeds it */
	int error;	  /* 0, -EMSGSIZE or -ENOMEM */
};

/* No memory is taken before the first append. */
void textbuf_init(struct textbuf *sb, size_t max_bytes);

/* Frees; the buffer is as after init. */
void textbuf_clear(struct textbuf *sb);

/* Empties and forgets the error, keeps the memory. */
void textbuf_reset(struct textbuf *sb);

void textbuf_append(struct textbuf *sb, const void *bytes, size_t len);
void textbuf_puts(struct textbuf *sb, const char *text);
void textbuf_putc(struct textbuf *sb, char c);
void textbuf_printf(struct textbuf *sb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void textbuf_vprintf(struct textbuf *sb, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void textbuf_json(struct textbuf *sb, const char *bytes, size_t len);

/* 0, or the first error: -EMSGSIZE (limit) or -ENOMEM. */
int textbuf_error(const struct textbuf *sb);

/* The text with a NUL behind it; "" when empty. Never NULL. */
const char *textbuf_text(const struct textbuf *sb);

/*
 * Hands the bytes over: the caller frees *out_data (never NULL on success).
 * The buffer is empty afterwards, also on failure, which is textbuf_error()'s.
 */
int textbuf_take(struct textbuf *sb, char **out_data, size_t *out_len);

#endif
