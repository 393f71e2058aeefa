/* SPDX-License-Identifier: ISC */
/*
 * Validates a dispatch body with jansson and finds the exact bytes of each
 * document in it.  A single document is the whole body as it came, blanks
 * around it included; an element of an array is the bytes between its braces.
 */
#include "worker/relay/dispatch_body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/relay/dispatch_scan.h"
#include "worker/relay/json_range.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct api_field fields[] = {
	{ "target_client_id", API_CLIENT_ID, true, 0 },
	{ "message_id", API_TEXT, true, API_TEXT_MAX },
	{ "event_type", API_TEXT, true, API_TEXT_MAX },
	{ "payload", API_ANY, true, 0 },
};

static int
read_doc(const json_t *value, long element, struct dispatch_doc *doc,
    struct api_fault *fault)
{
	const json_t *target, *message_id;
	int rc;

	rc = api_json_check(value, fields, COUNT(fields), element, fault);
	if (rc != 0)
		return rc;
	target = json_object_get(value, "target_client_id");
	message_id = json_object_get(value, "message_id");
	doc->target = json_string_value(target);
	doc->target_len = json_string_length(target);
	doc->message_id = json_string_value(message_id);
	doc->message_id_len = json_string_length(message_id);
	return 0;
}

static int
read_array(struct dispatch_body *body, const char *bytes, size_t len,
    struct api_fault *fault)
{
	struct json_range *ranges;
	size_t i;
	int rc;

	ranges = calloc(body->count, sizeof(*ranges));
	if (ranges == NULL)
		return -ENOMEM;
	rc = json_range_split(bytes, len, body->count, ranges);
	if (rc != 0)
		api_fault_set(fault, 400, "bad_json", "not a JSON array");
	for (i = 0; rc == 0 && i < body->count; i++) {
		body->docs[i].bytes = bytes + ranges[i].offset;
		body->docs[i].len = ranges[i].len;
		rc = read_doc(json_array_get(body->root, i), (long)i,
		    &body->docs[i], fault);
	}
	free(ranges);
	return rc;
}

static int
read_root(struct dispatch_body *body, const char *bytes, size_t len,
    struct api_fault *fault)
{
	body->is_array = json_is_array(body->root);
	body->count = body->is_array ? json_array_size(body->root) : 1;
	if (body->count == 0)
		return api_fault_set(fault, 400, "empty_array",
		    "the array has no element");
	if (body->count > DISPATCH_BODY_MAX)
		return api_fault_set(fault, 400, "too_many",
		    "at most %u documents in an array", DISPATCH_BODY_MAX);
	body->docs = calloc(body->count, sizeof(*body->docs));
	if (body->docs == NULL)
		return -ENOMEM;
	if (body->is_array)
		return read_array(body, bytes, len, fault);
	body->docs[0].bytes = bytes;
	body->docs[0].len = len;
	return read_doc(body->root, -1, &body->docs[0], fault);
}

int
dispatch_body_parse(const char *bytes, size_t len, struct dispatch_body *out,
    struct api_fault *fault)
{
	struct dispatch_doc doc, *docs;

	if (!dispatch_scan(bytes, len, &doc))
		return dispatch_body_read(bytes, len, out, fault);
	docs = malloc(sizeof(*docs));
	if (docs == NULL) {
		api_fault_set(fault, 503, "busy", "no memory");
		return -ENOMEM;
	}
	*docs = doc;
	*out = (struct dispatch_body){ NULL, docs, 1, false };
	return 0;
}

int
dispatch_body_read(const char *bytes, size_t len, struct dispatch_body *out,
    struct api_fault *fault)
{
	struct dispatch_body body = { NULL, NULL, 0, false };
	int rc;

	rc = api_json_parse(bytes, len, &body.root, fault);
	if (rc == 0)
		rc = read_root(&body, bytes, len, fault);
	if (rc == -ENOMEM)
		api_fault_set(fault, 503, "busy", "no memory");
	if (rc != 0) {
		dispatch_body_clear(&body);
		return rc;
	}
	*out = body;
	return 0;
}

void
dispatch_body_clear(struct dispatch_body *body)
{
	json_decref(body->root);
	free(body->docs);
	memset(body, 0, sizeof(*body));
}
