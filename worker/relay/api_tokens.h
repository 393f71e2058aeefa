/* SPDX-License-Identifier: ISC */
/*
 * The bearer tokens of the HTTP API, as digests: the tokens themselves are
 * forgotten after the file has been read.  One line a token, `TOKEN [NAME]`;
 * `#` begins a comment line.
 */
#ifndef HOLDFAST_RELAY_API_TOKENS_H
#define HOLDFAST_RELAY_API_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_TOKENS_MAX	64u
#define API_TOKEN_MIN	16u /* bytes; shorter ones can be guessed */
#define API_TOKEN_MAX	256u
#define API_TOKEN_NAME	32u
#define API_TOKENS_FILE (64u * 1024)

struct api_token {
	uint8_t digest[32];
	char name[API_TOKEN_NAME + 1]; /* for the log; "" */
};

struct api_tokens {
	uint32_t count;
	struct api_token items[API_TOKENS_MAX];
};

/*
 * Reads the text of a tokens file.  -EINVAL: *out_line is the line that is
 * wrong; -ENODATA: no token in it; -E2BIG: more than API_TOKENS_MAX.  *out is
 * untouched on failure.  Pure.
 */
int api_tokens_parse(const char *text, size_t len, struct api_tokens *out,
    unsigned *out_line) __attribute__((warn_unused_result));

/* The same from a file; *out_line is 0 when it could not be read at all. */
int api_tokens_load(const char *path, struct api_tokens *out,
    unsigned *out_line) __attribute__((warn_unused_result));

/*
 * The token that an Authorization header's value (NULL: no such header) brings,
 * or NULL.  Takes the same time for every token that is refused.
 */
const struct api_token *api_tokens_find(const struct api_tokens *tokens,
    const char *authorization);

#endif
