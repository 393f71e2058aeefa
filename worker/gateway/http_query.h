/* SPDX-License-Identifier: ISC */
/*
 * The reader of query strings.  Pure; used by the gateway's handshake for the
 * parameters that a browser cannot send as headers.
 */
#ifndef HOLDFAST_GATEWAY_HTTP_QUERY_H
#define HOLDFAST_GATEWAY_HTTP_QUERY_H

#include <stddef.h>

#include "worker/gateway/http_request.h"

/*
 * Copy the percent-decoded value of a query parameter to buf with a NUL
 * behind it.  '+' stands for itself (RFC 3986), so that an id like
 * +4312345678 survives.  Returns 0, -ENOENT when there is no such parameter,
 * -EINVAL for a bad escape, a %00 or a parameter given twice, -ENOSPC when
 * the value and its NUL exceed cap.  *out_len excludes the NUL.
 */
int http_query_get(struct http_slice query, const char *name, char *buf,
    size_t cap, size_t *out_len) __attribute__((warn_unused_result));

#endif
