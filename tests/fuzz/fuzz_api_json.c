/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the body of a dispatch.  Checks that documents lie inside the body,
 * one behind the other, that each of an array is accepted alone with the same
 * target and id, and that a refusal says why.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/relay/dispatch_body.h"

static void
expect(bool fact)
{
	if (!fact)
		abort();
}

static bool
is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void
check_alone(const struct dispatch_doc *doc)
{
	struct dispatch_body body;
	struct api_fault fault;

	expect(dispatch_body_parse(doc->bytes, doc->len, &body, &fault) == 0);
	expect(!body.is_array && body.docs[0].len == doc->len);
	expect(is_same(body.docs[0].target, body.docs[0].target_len,
	    doc->target, doc->target_len));
	expect(is_same(body.docs[0].message_id, body.docs[0].message_id_len,
	    doc->message_id, doc->message_id_len));
	dispatch_body_clear(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *at = text;
	struct dispatch_body body;
	struct api_fault fault = { .status = 0 };
	size_t i;

	if (dispatch_body_parse(text, size, &body, &fault) != 0) {
		expect(fault.status == 400 && fault.code[0] != '\0' &&
		    fault.text[0] != '\0');
		return 0;
	}
	for (i = 0; i < body.count; i++) {
		const struct dispatch_doc *doc = &body.docs[i];

		expect(doc->bytes >= at);
		at = doc->bytes + doc->len;
		expect(at <= text + size);
		expect(api_client_id_ok(doc->target, doc->target_len));
		expect(
		    memchr(doc->message_id, '\0', doc->message_id_len) == NULL);
		if (body.is_array)
			check_alone(doc);
	}
	dispatch_body_clear(&body);
	return 0;
}
