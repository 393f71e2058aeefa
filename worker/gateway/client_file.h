/* SPDX-License-Identifier: ISC */
/*
 * The files that the client port serves: the reference client and its types,
 * compiled in, because a gateway opens no files.  Pure.
 */
#ifndef HOLDFAST_GATEWAY_CLIENT_FILE_H
#define HOLDFAST_GATEWAY_CLIENT_FILE_H

#include <stddef.h>
#include <stdint.h>

struct client_file {
	const char *path;
	const char *type;
	const uint8_t *bytes;
	size_t len;
};

/* NULL: there is no such file. */
const struct client_file *client_file_find(const char *path, size_t len);

/* The head of the answer.  Its length; -ENOSPC (never with HTTP_ANSWER_MAX). */
int client_file_head_format(const struct client_file *file, char *buf,
    size_t cap) __attribute__((warn_unused_result));

#endif
