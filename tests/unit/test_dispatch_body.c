/* SPDX-License-Identifier: ISC */
/* Unit tests of the body of a dispatch: what is taken, what is refused. */
#include "worker/relay/dispatch_body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOC(target, id)                                                        \
	"{\"target_client_id\":\"" target "\",\"message_id\":\"" id            \
	"\",\"event_type\":\"e\",\"payload\":null}"

static void
test_single(void **state)
{
	/* blanks, escapes and the order of the fields are kept */
	static const char text[] =
	    " {\"payload\": {\"n\": 123456789012345678901234567890, \"s\":"
	    " \"\\u0000\\u00e4\"},\n\"event_type\":\"e\", \"message_id\":"
	    "\"m\\u0031\",\"target_client_id\":\"al\\u0069ce\"} \n";
	struct dispatch_body body;
	struct api_fault fault;

	(void)state;
	assert_int_equal(dispatch_body_parse(text, strlen(text), &body, &fault),
	    0);
	assert_false(body.is_array);
	assert_int_equal(body.count, 1);
	assert_ptr_equal(body.docs[0].bytes, text);
	assert_int_equal(body.docs[0].len, strlen(text));
	assert_string_equal(body.docs[0].target, "alice");
	assert_int_equal(body.docs[0].target_len, 5);
	assert_string_equal(body.docs[0].message_id, "m1");
	dispatch_body_clear(&body);
}

static void
test_array(void **state)
{
	static const char text[] = "[ " DOC("a", "1") " ,\n" DOC("b", "2") "]";
	struct dispatch_body body;
	struct api_fault fault;

	(void)state;
	assert_int_equal(dispatch_body_parse(text, strlen(text), &body, &fault),
	    0);
	assert_true(body.is_array);
	assert_int_equal(body.count, 2);
	assert_int_equal(body.docs[0].len, strlen(DOC("a", "1")));
	assert_memory_equal(body.docs[0].bytes, DOC("a", "1"),
	    body.docs[0].len);
	assert_memory_equal(body.docs[1].bytes, DOC("b", "2"),
	    body.docs[1].len);
	assert_string_equal(body.docs[1].target, "b");
	dispatch_body_clear(&body);
}

static void
expect_fault(const char *text, const char *code, const char *part)
{
	struct dispatch_body body;
	struct api_fault fault;

	assert_int_equal(dispatch_body_parse(text, strlen(text), &body, &fault),
	    -EINVAL);
	assert_int_equal(fault.status, 400);
	assert_string_equal(fault.code, code);
	if (strstr(fault.text, part) == NULL)
		fail_msg("%s: no '%s' in '%s'", text, part, fault.text);
}

static void
test_malformed(void **state)
{
	(void)state;
	expect_fault("", "empty_body", "JSON");
	expect_fault("{", "bad_json", "line 1");
	expect_fault("1", "bad_json", "");
	expect_fault(DOC("a", "1") DOC("a", "1"), "bad_json", "end of file");
	expect_fault(DOC("a\xff", "1"), "bad_json", "byte 0xff");
	expect_fault("{\"payload\":1,\"payload\":2}", "bad_json", "uplicate");
	expect_fault("[]", "empty_array", "");
	expect_fault("[1]", "bad_request", "element 0");
	expect_fault("[" DOC("a", "1") ",[]]", "bad_request", "element 1");
}

static void
test_fields(void **state)
{
	char text[1024], id[256];

	(void)state;
	expect_fault("{}", "missing_field", "target_client_id");
	expect_fault(DOC("", "1"), "bad_field", "target_client_id");
	expect_fault(DOC("a b", "1"), "bad_field", "target_client_id");
	expect_fault(DOC("a\\u00e4", "1"), "bad_field", "target_client_id");
	expect_fault(DOC("a\\u0000", "1"), "bad_field", "target_client_id");
	expect_fault(DOC("a", ""), "bad_field", "message_id");
	expect_fault(DOC("a", "\\u0000"), "bad_field", "message_id");
	expect_fault("[" DOC("a", "1") "," DOC("a", "\\n") "]", "bad_field",
	    "element 1: field 'message_id'");
	expect_fault("{\"target_client_id\":7}", "bad_field", "string");
	expect_fault("{\"target_client_id\":\"a\",\"message_id\":\"1\","
		     "\"event_typ\":\"e\",\"event_type\":\"e\",\"payload\":0}",
	    "unknown_field", "did you mean 'event_type'");
	memset(id, 'x', sizeof(id));
	id[API_CLIENT_ID_MAX + 1] = '\0';
	snprintf(text, sizeof(text),
	    "{\"target_client_id\":\"%s\",\"message_id\":\"1\","
	    "\"event_type\":\"e\",\"payload\":0}",
	    id);
	expect_fault(text, "bad_field", "1 to 100 bytes");
}

static void
test_too_many(void **state)
{
	static const char doc[] = DOC("a", "1") ",";
	struct dispatch_body body;
	struct api_fault fault;
	char *text;
	size_t len = 1;
	unsigned i;

	(void)state;
	text = malloc((DISPATCH_BODY_MAX + 1) * sizeof(doc) + 2);
	assert_non_null(text);
	text[0] = '[';
	for (i = 0; i < DISPATCH_BODY_MAX; i++) {
		memcpy(text + len, doc, sizeof(doc) - 1);
		len += sizeof(doc) - 1;
	}
	text[len - 1] = ']';
	assert_int_equal(dispatch_body_parse(text, len, &body, &fault), 0);
	assert_int_equal(body.count, DISPATCH_BODY_MAX);
	dispatch_body_clear(&body);
	text[len - 1] = ',';
	memcpy(text + len, doc, sizeof(doc) - 1);
	len += sizeof(doc) - 1;
	text[len - 1] = ']';
	assert_int_equal(dispatch_body_parse(text, len, &body, &fault),
	    -EINVAL);
	assert_string_equal(fault.code, "too_many");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
