/* SPDX-License-Identifier: ISC */
/* Unit tests of the checks on what API callers send. */
#include "worker/relay/api_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Is `value` good for a field of this type? */
static bool
takes(enum api_type type, uint64_t max, const char *value)
{
	const struct api_field field = { "f", type, true, max };
	struct api_fault fault;
	char text[512];
	json_t *json;
	bool ok;

	snprintf(text, sizeof(text), "{\"f\":%s}", value);
	if (api_json_parse(text, strlen(text), &json, &fault) != 0)
		fail_msg("%s: %s", text, fault.text);
	ok = api_json_check(json, &field, 1, -1, &fault) == 0;
	if (!ok)
		assert_string_equal(fault.code, "bad_field");
	json_decref(json);
	return ok;
}

static void
test_types(void **state)
{
	(void)state;
	assert_true(takes(API_ANY, 0, "[1,{}]"));
	assert_true(takes(API_TEXT, 3, "\"abc\""));
	assert_false(takes(API_TEXT, 3, "\"abcd\""));
	assert_false(takes(API_TEXT, 3, "\"\""));
	assert_false(takes(API_TEXT, 3, "\"\\t\""));
	assert_false(takes(API_TEXT, 3, "1"));
	assert_true(takes(API_TEXT_OR_EMPTY, 3, "\"\""));
	assert_false(takes(API_TEXT_OR_EMPTY, 3, "\"\\u007f\""));
	assert_true(takes(API_CLIENT_ID, 0, "\"!~\""));
	assert_false(takes(API_CLIENT_ID, 0, "\" \""));
	assert_true(takes(API_ADDRESS, 0, "\"10.1.2.3\""));
	assert_true(takes(API_ADDRESS, 0, "\"2001:db8::1\""));
	assert_false(takes(API_ADDRESS, 0, "\"10.1.2.3:80\""));
	assert_false(takes(API_ADDRESS, 0, "\"10.1.2.3\\u0000\""));
}

static void
test_numbers(void **state)
{
	(void)state;
	assert_true(takes(API_WHOLE, 4999, "0"));
	assert_true(takes(API_WHOLE, 4999, "4999"));
	assert_false(takes(API_WHOLE, 4999, "5000"));
	assert_false(takes(API_WHOLE, 4999, "-1"));
	assert_false(takes(API_WHOLE, 4999, "1.5"));
	assert_false(takes(API_WHOLE, 4999, "\"1\""));
	assert_true(takes(API_NUMBER, 10, "1.5"));
	assert_false(takes(API_NUMBER, 10, "true"));
	assert_true(takes(API_TIME, 0, "1700000000000"));
	assert_false(takes(API_TIME, 0, "99999999999999999"));
	assert_false(takes(API_TIME, 0, "0.5"));
	assert_true(takes(API_TIME, 0, "\"2026-01-02T03:04:05Z\""));
	assert_false(takes(API_TIME, 0, "\"2026-01-02\""));
	assert_false(takes(API_TIME, 0, "\"2026-01-02T03:04:05Z\\u0000\""));
}

static void
test_optional(void **state)
{
	static const struct api_field fields[] = {
		{ "must", API_ANY, true, 0 },
		{ "may", API_ANY, false, 0 },
	};
	struct api_fault fault;
	json_t *json;

	(void)state;
	assert_int_equal(api_json_parse("{\"must\":0}", 10, &json, &fault), 0);
	assert_int_equal(api_json_check(json, fields, 2, -1, &fault), 0);
	json_decref(json);
	assert_int_equal(api_json_parse("{\"may\":0}", 9, &json, &fault), 0);
	assert_int_equal(api_json_check(json, fields, 2, 4, &fault), -EINVAL);
	assert_string_equal(fault.text, "element 4: field 'must' is missing");
	json_decref(json);
}

static void
test_hosts(void **state)
{
	static const char *const good[] = { "localhost", "LOCALHOST:1",
		"127.0.0.1", "127.0.0.1:8081", "[::1]", "[::1]:8081" };
	static const char *const bad[] = { "", "evil.example", "localhost.evil",
		"127.0.0.1.evil.example", "[::1", "[evil]:80", "::1" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(api_host_is_literal(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(api_host_is_literal(bad[i]));
}

static void
test_query(void **state)
{
	static const char *const bad[] = { "wait_ms=", "wait_ms=-1",
		"wait_ms=101", "wait_ms=1x", "wait=1", "wait_ms=1&a=b",
		"wait_ms=00000000000000000000001", "scope=", "scope=nodes",
		"scope=node&x", "&" };
	struct api_query query = { 7, true };
	struct api_fault fault;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(api_query_parse(bad[i], 100, true, &query,
				     &fault),
		    -EINVAL);
		assert_string_equal(fault.code, "bad_query");
	}
	assert_int_equal(query.wait_ms, 7);
	assert_int_equal(api_query_parse("scope=node", 100, false, &query,
			     &fault),
	    -EINVAL);
	assert_int_equal(api_query_parse("wait_ms=100", 100, false, &query,
			     &fault),
	    0);
	assert_int_equal(query.wait_ms, 100);
	assert_false(query.is_node_scope);
	assert_int_equal(api_query_parse("scope=node&wait_ms=1", 100, true,
			     &query, &fault),
	    0);
	assert_int_equal(query.wait_ms, 1);
	assert_true(query.is_node_scope);
	assert_int_equal(api_query_parse("scope=fleet", 100, true, &query,
			     &fault),
	    0);
	assert_false(query.is_node_scope);
	assert_int_equal(api_query_parse(NULL, 100, false, &query, &fault), 0);
	assert_int_equal(query.wait_ms, 0);
}

static void
test_close_codes(void **state)
{
	(void)state;
	assert_true(api_close_code_ok(1000));
	assert_true(api_close_code_ok(4002));
	assert_true(api_close_code_ok(4999));
	assert_false(api_close_code_ok(0));
	assert_false(api_close_code_ok(1005)); /* never on the wire */
	assert_false(api_close_code_ok(1006));
	assert_false(api_close_code_ok(1015));
	assert_false(api_close_code_ok(5000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_close_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
