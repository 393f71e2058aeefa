/* SPDX-License-Identifier: ISC */
/* Unit tests of finding the elements of a JSON array in its text. */
#include "worker/relay/json_range.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
expect_elements(const char *text, const char *const *elements, size_t count)
{
	struct json_range ranges[8];
	size_t i;

	assert_int_equal(json_range_split(text, strlen(text), count, ranges),
	    0);
	for (i = 0; i < count; i++) {
		assert_int_equal(ranges[i].len, strlen(elements[i]));
		assert_memory_equal(text + ranges[i].offset, elements[i],
		    ranges[i].len);
	}
	/* another number of elements is refused */
	assert_int_equal(json_range_split(text, strlen(text), count + 1,
			     ranges),
	    -EINVAL);
	if (count > 0)
		assert_int_equal(json_range_split(text, strlen(text), count - 1,
				     ranges),
		    -EINVAL);
}

static void
test_elements(void **state)
{
	static const char *const objects[] = { "{\"a\": 1}", "{}" };
	static const char *const tricky[] = { "\"],[{\"", "\"a\\\"]\\\\\"",
		"[[1,2],[]]", "{\"}\":[\",\"]}" };
	static const char *const scalars[] = { "1", "-2.5e3", "true", "null" };

	(void)state;
	expect_elements("[]", NULL, 0);
	expect_elements(" [ \n ] ", NULL, 0);
	expect_elements("[{\"a\": 1},{}]", objects, 2);
	expect_elements("\t[ {\"a\": 1}\r\n,\n {} ]\n", objects, 2);
	expect_elements("[\"],[{\",\"a\\\"]\\\\\",[[1,2],[]],{\"}\":[\",\"]}]",
	    tricky, 4);
	expect_elements("[1,-2.5e3 , true,null]", scalars, 4);
}

static void
test_refused(void **state)
{
	static const char *const texts[] = { "", " ", "{}", "1", "[", "[1",
		"[1,", "[\"", "[\"\\", "[\"\\\"", "[1}", "[{]", "[[1]",
		"[1,]" };
	struct json_range ranges[4];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(json_range_split(texts[i], strlen(texts[i]), 1,
				     ranges),
		    -EINVAL);
}

/* Whatever the text: nothing beyond its end is read (under ASan). */
static void
test_every_cut(void **state)
{
	static const char text[] = "[ {\"a\":\"\\\\\\\"\"}, [\"]\"] ]";
	struct json_range ranges[2];
	char *cut;
	size_t len;

	(void)state;
	for (len = 1; len < strlen(text); len++) {
		cut = malloc(len);
		assert_non_null(cut);
		memcpy(cut, text, len);
		assert_int_equal(json_range_split(cut, len, 2, ranges),
		    -EINVAL);
		free(cut);
	}
	assert_int_equal(json_range_split(text, strlen(text), 2, ranges), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
