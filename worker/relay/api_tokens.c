/* SPDX-License-Identifier: ISC */
/*
 * Reading and comparing bearer tokens (RFC 6750).  Compared are SHA-256
 * digests, all of them each time, so that time tells neither the length nor a
 * common beginning nor the place in the file.
 */
#include "worker/relay/api_tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "lib/fd.h"

/* b64token of RFC 6750, section 2.1 */
static bool
is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || (c != '\0' && strchr("-._~+/=", c));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t
token_span(const char *text, size_t len)
{
	size_t n;

	for (n = 0; n < len && is_token_char(text[n]); n++)
		;
	return n;
}

/* A line without its newline and without blanks at both ends. */
static int
parse_line(const char *line, size_t len, struct api_token *out)
{
	size_t n = token_span(line, len);
	size_t i;

	if (n < API_TOKEN_MIN || n > API_TOKEN_MAX)
		return -EINVAL;
	SHA256((const unsigned char *)line, n, out->digest);
	out->name[0] = '\0';
	if (n == len)
		return 0;
	if (!is_blank(line[n]))
		return -EINVAL;
	while (n < len && is_blank(line[n]))
		n++;
	if (len - n > API_TOKEN_NAME)
		return -EINVAL;
	for (i = 0; n < len; i++, n++) {
		if (line[n] <= ' ' || line[n] > '~')
			return -EINVAL;
		out->name[i] = line[n];
	}
	out->name[i] = '\0';
	return 0;
}

int
api_tokens_parse(const char *text, size_t len, struct api_tokens *out,
    unsigned *out_line)
{
	struct api_tokens tokens = { .count = 0 };
	struct api_token token;
	const char *end, *next, *stop = text + len;
	unsigned line = 0;

	for (; text < stop; text = next) {
		line++;
		end = memchr(text, '\n', (size_t)(stop - text));
		next = end == NULL ? stop : end + 1;
		end = end == NULL ? stop : end;
		while (text < end && is_blank(*text))
			text++;
		while (end > text && is_blank(end[-1]))
			end--;
		if (text == end || *text == '#')
			continue;
		*out_line = line;
		if (parse_line(text, (size_t)(end - text), &token) != 0)
			return -EINVAL;
		if (tokens.count == API_TOKENS_MAX)
			return -E2BIG;
		tokens.items[tokens.count++] = token;
	}
	*out_line = line;
	if (tokens.count == 0)
		return -ENODATA;
	*out = tokens;
	return 0;
}

int
api_tokens_load(const char *path, struct api_tokens *out, unsigned *out_line)
{
	char *text;
	size_t len;
	int rc;

	*out_line = 0;
	text = malloc(API_TOKENS_FILE);
	if (text == NULL)
		return -ENOMEM;
	rc = fd_read_file(path, text, API_TOKENS_FILE, &len);
	if (rc == 0) {
		rc = api_tokens_parse(text, len, out, out_line);
		OPENSSL_cleanse(text, len);
	}
	free(text);
	return rc;
}

const struct api_token *
api_tokens_find(const struct api_tokens *tokens, const char *authorization)
{
	static const char scheme[] = "Bearer ";
	const struct api_token *found = NULL;
	uint8_t digest[32];
	size_t len;
	uint32_t i;

	if (authorization == NULL ||
	    strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return NULL;
	authorization += strlen(scheme);
	authorization += strspn(authorization, " ");
	len = strlen(authorization);
	if (len > API_TOKEN_MAX || token_span(authorization, len) != len)
		return NULL;
	SHA256((const unsigned char *)authorization, len, digest);
	for (i = 0; i < tokens->count; i++) {
		if (CRYPTO_memcmp(digest, tokens->items[i].digest,
			sizeof(digest)) == 0)
			found = &tokens->items[i];
	}
	return found;
}
