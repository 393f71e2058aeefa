/* SPDX-License-Identifier: ISC */
/*
 * Files of the client port (see client_file.h).  The build makes the numbers
 * of the included files out of worker/gateway/client/.
 */
#include "worker/gateway/client_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t script[] = {
#include "worker/gateway/client/holdfast.js.inc"
};
static const uint8_t types[] = {
#include "worker/gateway/client/holdfast.d.ts.inc"
};

static const struct client_file files[] = {
	{ "/holdfast.js", "text/javascript; charset=utf-8", script,
	    sizeof(script) },
	{ "/holdfast.d.ts", "text/plain; charset=utf-8", types, sizeof(types) },
};

const struct client_file *
client_file_find(const char *path, size_t len)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strlen(files[i].path) == len &&
		    memcmp(files[i].path, path, len) == 0)
			return &files[i];
	}
	return NULL;
}

int
client_file_head_format(const struct client_file *file, char *buf, size_t cap)
{
	int n = snprintf(buf, cap,
	    "HTTP/1.1 200 OK\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: max-age=3600\r\n"
	    "Access-Control-Allow-Origin: *\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Connection: close\r\n"
	    "\r\n",
	    file->type, file->len);

	return n < 0 || (size_t)n >= cap ? -ENOSPC : n;
}
