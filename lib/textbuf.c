/* SPDX-License-Identifier: ISC */
/*
 * The growing buffer (see textbuf.h). cap always leaves room for a NUL.
 */
#include "lib/textbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/escape.h"

#define FIRST_CAP 256u

void
textbuf_init(struct textbuf *sb, size_t max_bytes)
{
	memset(sb, 0, sizeof(*sb));
	sb->max_bytes = max_bytes;
}

void
textbuf_clear(struct textbuf *sb)
{
	free(sb->data);
	textbuf_init(sb, sb->max_bytes);
}

void
textbuf_reset(struct textbuf *sb)
{
	sb->len = 0;
	sb->error = 0;
	if (sb->data != NULL)
		sb->data[0] = '\0';
}

/* Room for `more` bytes and a NUL behind len. */
static int
reserve(struct textbuf *sb, size_t more)
{
	size_t cap;
	char *data;

	if (sb->error != 0)
		return sb->error;
	if (more > sb->max_bytes - sb->len) {
		sb->error = -EMSGSIZE;
		return sb->error;
	}
	if (sb->len + more < sb->cap)
		return 0;
	cap = sb->cap == 0 ? FIRST_CAP : sb->cap;
	while (cap <= sb->len + more)
		cap *= 2;
	data = realloc(sb->data, cap);
	if (data == NULL) {
		sb->error = -ENOMEM;
		return sb->error;
	}
	sb->data = data;
	sb->cap = cap;
	return 0;
}

void
textbuf_append(struct textbuf *sb, const void *bytes, size_t len)
{
	if (len == 0 || reserve(sb, len) != 0)
		return;
	memcpy(sb->data + sb->len, bytes, len);
	sb->len += len;
	sb->data[sb->len] = '\0';
}

void
textbuf_puts(struct textbuf *sb, const char *text)
{
	textbuf_append(sb, text, strlen(text));
}

void
textbuf_putc(struct textbuf *sb, char c)
{
	textbuf_append(sb, &c, 1);
}

void
textbuf_vprintf(struct textbuf *sb, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0) {
		if (sb->error == 0)
			sb->error = -EINVAL;
		return;
	}
	if (reserve(sb, (size_t)n) != 0)
		return;
	vsnprintf(sb->data + sb->len, (size_t)n + 1, format, args);
	sb->len += (size_t)n;
}

void
textbuf_printf(struct textbuf *sb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	textbuf_vprintf(sb, format, args);
	va_end(args);
}

void
textbuf_json(struct textbuf *sb, const char *bytes, size_t len)
{
	char chunk[256];

	textbuf_putc(sb, '"');
	while (len > 0 && sb->error == 0) {
		size_t used;
		size_t n = escape_text(ESCAPE_JSON, bytes, len, chunk,
		    sizeof(chunk), &used);

		textbuf_append(sb, chunk, n);
		bytes += used;
		len -= used;
	}
	textbuf_putc(sb, '"');
}

int
textbuf_error(const struct textbuf *sb)
{
	return sb->error;
}

const char *
textbuf_text(const struct textbuf *sb)
{
	return sb->data == NULL ? "" : sb->data;
}

int
textbuf_take(struct textbuf *sb, char **out_data, size_t *out_len)
{
	int rc;

	/* An empty text is memory, too. */
	reserve(sb, 0);
	rc = sb->error;
	if (rc == 0) {
		sb->data[sb->len] = '\0';
		*out_data = sb->data;
		*out_len = sb->len;
		sb->data = NULL;
	}
	textbuf_clear(sb);
	return rc;
}
