/* SPDX-License-Identifier: ISC */
/*
 * The body of POST /api/v1/gateway/dispatch: one dispatch document or an array
 * of them; also what comes by way of Redis.  Pure.
 */
#ifndef HOLDFAST_RELAY_DISPATCH_BODY_H
#define HOLDFAST_RELAY_DISPATCH_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/relay/api_json.h"

#define DISPATCH_BODY_MAX 4096u /* documents in an array */

struct dispatch_doc {
	const char *bytes; /* inside the body: what the client receives */
	size_t len;
	const char *target; /* inside root or the body, no NUL behind it */
	size_t target_len;
	const char *message_id; /* likewise */
	size_t message_id_len;
};

struct dispatch_body {
	json_t *root;		   /* owned; NULL: it was not needed */
	struct dispatch_doc *docs; /* owned */
	size_t count;
	bool is_array;
};

/* All documents are good, or none is taken: -EINVAL and *fault; -ENOMEM with
 * *fault set as well.  bytes must outlive *out. */
int dispatch_body_parse(const char *bytes, size_t len,
    struct dispatch_body *out, struct api_fault *fault)
    __attribute__((warn_unused_result));
/* The same without the short way, which is for most of them. */
int dispatch_body_read(const char *bytes, size_t len, struct dispatch_body *out,
    struct api_fault *fault) __attribute__((warn_unused_result));
void dispatch_body_clear(struct dispatch_body *);

#endif
