/* SPDX-License-Identifier: ISC */
/*
 * Compares the two readers of dispatch documents: what the short one takes the
 * long one must take, too, and for the same client.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/relay/dispatch_body.h"
#include "worker/relay/dispatch_scan.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct dispatch_body body;
	struct api_fault fault;
	struct dispatch_doc doc;

	if (!dispatch_scan(bytes, size, &doc))
		return 0;
	if (dispatch_body_read(bytes, size, &body, &fault) != 0)
		abort();
	if (body.is_array || body.count != 1 ||
	    body.docs[0].target_len != doc.target_len ||
	    memcmp(body.docs[0].target, doc.target, doc.target_len) != 0 ||
	    body.docs[0].message_id_len != doc.message_id_len ||
	    memcmp(body.docs[0].message_id, doc.message_id,
		doc.message_id_len) != 0 ||
	    body.docs[0].bytes != doc.bytes || body.docs[0].len != doc.len)
		abort();
	dispatch_body_clear(&body);
	return 0;
}
