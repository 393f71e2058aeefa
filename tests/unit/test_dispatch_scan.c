/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the short way through a dispatch document: it agrees with the
 * long one, or says nothing.
 */
#include "worker/relay/dispatch_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/relay/dispatch_body.h"

/* With that payload. */
static const char *
document(const char *payload)
{
	static char text[4096];

	snprintf(text, sizeof(text),
	    " {\"target_client_id\": \"alice\",\t\"message_id\":\"m\",\r\n"
	    "\"event_type\" :\"t\",\"payload\":%s}\n",
	    payload);
	return text;
}

static bool
accepts(const char *text)
{
	struct dispatch_body body;
	struct api_fault fault;

	if (dispatch_body_read(text, strlen(text), &body, &fault) != 0)
		return false;
	dispatch_body_clear(&body);
	return true;
}

static bool
scans(const char *text)
{
	struct dispatch_doc doc = { .len = 99 };

	if (!dispatch_scan(text, strlen(text), &doc)) {
		assert_int_equal(doc.len, 99);
		return false;
	}
	assert_ptr_equal(doc.bytes, text);
	assert_int_equal(doc.len, strlen(text));
	assert_int_equal(doc.target_len, 5);
	assert_memory_equal(doc.target, "alice", 5);
	assert_int_equal(doc.message_id_len, 1);
	assert_memory_equal(doc.message_id, "m", 1);
	return true;
}

static void
test_plain(void **state)
{
	static const char *const payloads[] = { "null", "true", "false", "0",
		"-0", "17", "-1.50", "\"\"", "\"a\\n\\\"\\\\\\/\"",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "[]", "[ ]", "{}",
		"{ }", "[1, [2 , {\"a\":[]}],3]",
		"{\"a\":{\"a\":1} , \"b\":[{\"c\":null}]}", "123456789012345",
		"0.123456789012345" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		assert_true(accepts(document(payloads[i])));
		assert_true(scans(document(payloads[i])));
	}
}

/* Good, but not plain. */
static void
test_other(void **state)
{
	static const char *const payloads[] = { "1e5", "1234567890123456",
		"\"\\u00e9\"", "{\"\\n\":1}", "{\"\xc3\xa9\":1}",
		"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
		"[1,2,{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,"
		"\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,"
		"\"o\":1,\"p\":1,\"q\":1}]" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		assert_true(accepts(document(payloads[i])));
		assert_false(scans(document(payloads[i])));
	}
	assert_false(scans("[{\"target_client_id\":\"alice\",\"message_id\":"
			   "\"m\",\"event_type\":\"t\",\"payload\":1}]"));
}

static void
test_bad(void **state)
{
	static const char *const payloads[] = { "", "nul", "nulll", "01", "-",
		"1.", ".5", "+1", "'a'", "\"a", "\"\t\"", "\"\\x\"", "\"\\",
		"\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xff\"", "[1,]", "[,1]",
		"[1 2]", "[1", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{\"a\":}",
		"{\"a\":1,\"a\":2}", "{\"a\":1 \"b\":2}", "1,\"more\":2",
		"1,\"message_id\":\"n\"", "1}{", "1} x", "\x7f" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		assert_false(accepts(document(payloads[i])));
		assert_false(scans(document(payloads[i])));
	}
	assert_false(scans(""));
	assert_false(scans("{}"));
	assert_false(
	    scans("{\"target_client_id\":\"alice\",\"message_id\":\"\","
		  "\"event_type\":\"t\",\"payload\":1}"));
	assert_false(scans("{\"target_client_id\":\"a b\",\"message_id\":\"m\","
			   "\"event_type\":\"t\",\"payload\":1}"));
	assert_false(
	    scans("{\"target_client_id\":\"alice\",\"message_id\":\"m\","
		  "\"event_type\":5,\"payload\":1}"));
	assert_false(
	    scans("{\"target_client_id\":\"alice\",\"message_id\":\"m\","
		  "\"event_type\":\"t\"}"));
}

/* Cut off anywhere it is no document. */
static void
test_cut(void **state)
{
	const char *text = document("{\"a\":[1.5,\"\xc3\xa9\\n\",null]}");
	struct dispatch_doc doc;
	size_t whole = strlen(text), used;

	(void)state;
	for (used = 0; used + 1 < whole; used++)
		assert_false(dispatch_scan(text, used, &doc));
	assert_true(dispatch_scan(text, whole, &doc));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
