/* SPDX-License-Identifier: ISC */
/* Unit tests of "did you mean". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/suggest.h"

static void
test_distance(void **state)
{
	char lengthy[100];

	(void)state;
	assert_int_equal(suggest_distance("", ""), 0);
	assert_int_equal(suggest_distance("abc", ""), 3);
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("abc", "ABC"), 0);
	assert_int_equal(suggest_distance("abc", "acb"), 1);
	assert_int_equal(suggest_distance("abcd", "bacd"), 1);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_int_equal(suggest_distance("workers", "wrokers"), 1);
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[99] = '\0';
	assert_int_equal(suggest_distance(lengthy, "x"), 64);
	lengthy[63] = '\0';
	assert_int_equal(suggest_distance(lengthy, lengthy), 0);
}

static const char *
nearest(const char *typed)
{
	static const char *const words[] = { "reload", "restart", "stop",
		"status", "top", "kick" };
	struct suggest suggest;
	size_t i;

	suggest_init(&suggest, typed);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		suggest_offer(&suggest, words[i]);
	return suggest.best;
}

static void
test_nearest_word(void **state)
{
	(void)state;
	assert_string_equal(nearest("relaod"), "reload");
	assert_string_equal(nearest("statsu"), "status");
	assert_string_equal(nearest("STOP"), "stop");
	assert_string_equal(nearest("tp"), "top");
	assert_null(nearest("drain"));
	assert_null(nearest("xxxxxxxxxxxx"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
