/* SPDX-License-Identifier: ISC */
/* Unit tests of the query reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/http_query.h"

static void
assert_value(const char *query, const char *name, const char *value)
{
	struct http_slice slice = { query, strlen(query) };
	char buf[64];
	size_t len = 0;

	assert_int_equal(http_query_get(slice, name, buf, sizeof(buf), &len),
	    0);
	assert_string_equal(buf, value);
	assert_int_equal(len, strlen(value));
}

static void
assert_error(const char *query, const char *name, size_t cap, int error)
{
	struct http_slice slice = { query, strlen(query) };
	char buf[64];
	size_t len = 77;

	assert_int_equal(http_query_get(slice, name, buf, cap, &len), error);
	assert_int_equal(len, 77);
}

static void
test_values(void **state)
{
	(void)state;
	assert_value("id=a", "id", "a");
	assert_value("x=1&id=a&y=2", "id", "a");
	assert_value("id=", "id", "");
	assert_value("id", "id", "");
	assert_value("id&x=1", "id", "");
	assert_value("idx=1&id=2", "id", "2");
	assert_value("&&id=2&", "id", "2");
	assert_value("id=a=b", "id", "a=b");
	assert_value("id=%41%2f%7E%c3%A4", "id", "A/~\xc3\xa4");
	assert_value("id=%26%3D", "id", "&=");
	assert_value("id=+4312", "id", "+4312");
	assert_value("id=a%2Bb", "id", "a+b");
}

static void
test_errors(void **state)
{
	struct http_slice absent = { NULL, 0 };
	char buf[8];
	size_t len;

	(void)state;
	assert_int_equal(http_query_get(absent, "id", buf, sizeof(buf), &len),
	    -ENOENT);
	assert_error("", "id", 8, -ENOENT);
	assert_error("i=1&idd=2&x=id", "id", 8, -ENOENT);
	assert_error("id=1&id=1", "id", 8, -EINVAL);
	assert_error("id&id", "id", 8, -EINVAL);
	assert_error("id=%", "id", 8, -EINVAL);
	assert_error("id=%4", "id", 8, -EINVAL);
	assert_error("id=%4&x=1", "id", 8, -EINVAL);
	assert_error("id=%4g", "id", 8, -EINVAL);
	assert_error("id=%-1", "id", 8, -EINVAL);
	assert_error("id=%00", "id", 8, -EINVAL);
	assert_error("id=12345678", "id", 8, -ENOSPC);
	assert_value("id=1234567", "id", "1234567");
	assert_error("id=", "id", 0, -ENOSPC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
