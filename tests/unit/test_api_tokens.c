/* SPDX-License-Identifier: ISC */
/* Unit tests of the API's bearer tokens. */
#include "worker/relay/api_tokens.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN_A "abcdefghijklmnop"
#define TOKEN_B "0123456789-._~+/=="

static int
parse(const char *text, struct api_tokens *out, unsigned *out_line)
{
	return api_tokens_parse(text, strlen(text), out, out_line);
}

static void
test_file(void **state)
{
	static const char text[] = "# who may dispatch\n"
				   "\n"
				   "  " TOKEN_A "\t billing \r\n" TOKEN_B;
	struct api_tokens tokens;
	const struct api_token *found;
	unsigned line;

	(void)state;
	assert_int_equal(parse(text, &tokens, &line), 0);
	assert_int_equal(tokens.count, 2);
	found = api_tokens_find(&tokens, "Bearer " TOKEN_A);
	assert_non_null(found);
	assert_string_equal(found->name, "billing");
	found = api_tokens_find(&tokens, "bearer  " TOKEN_B);
	assert_non_null(found);
	assert_string_equal(found->name, "");
}

static void
test_strangers(void **state)
{
	static const char *const headers[] = { NULL, "", "Bearer", "Bearer ",
		TOKEN_A, "Basic " TOKEN_A, "Bearer " TOKEN_A "x",
		"Bearer abcdefghijklmno", "Bearer " TOKEN_A " ",
		"Bearer ABCDEFGHIJKLMNOP", "Bearer " TOKEN_A "\n" };
	struct api_tokens tokens;
	unsigned line;
	size_t i;

	(void)state;
	assert_int_equal(parse(TOKEN_A, &tokens, &line), 0);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		assert_null(api_tokens_find(&tokens, headers[i]));
	tokens.count = 0;
	assert_null(api_tokens_find(&tokens, "Bearer " TOKEN_A));
}

static void
expect_refusal(const char *text, int rc, unsigned line)
{
	struct api_tokens tokens = { .count = 7 };
	unsigned at = 99;

	assert_int_equal(parse(text, &tokens, &at), rc);
	assert_int_equal(at, line);
	assert_int_equal(tokens.count, 7); /* untouched */
}

static void
test_bad_files(void **state)
{
	char many[(API_TOKENS_MAX + 1) * 20];
	char longest[API_TOKEN_MAX + 2];
	size_t len = 0;
	unsigned i;

	(void)state;
	expect_refusal("", -ENODATA, 0);
	expect_refusal("# nothing\n\n", -ENODATA, 2);
	expect_refusal(TOKEN_A "\nshort\n", -EINVAL, 2);
	expect_refusal("\n" TOKEN_A " two names\n", -EINVAL, 2);
	expect_refusal(TOKEN_A "\"\n", -EINVAL, 1);
	expect_refusal(TOKEN_A " a-name-that-is-longer-than-32-bytes", -EINVAL,
	    1);
	memset(longest, 'x', sizeof(longest));
	longest[API_TOKEN_MAX + 1] = '\0';
	expect_refusal(longest, -EINVAL, 1);
	for (i = 0; i <= API_TOKENS_MAX; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len,
		    "token-number-%05u\n", i);
	expect_refusal(many, -E2BIG, API_TOKENS_MAX + 1);
}

static void
test_no_file(void **state)
{
	struct api_tokens tokens;
	unsigned line = 1;

	(void)state;
	assert_int_equal(api_tokens_load("/nonexistent/tokens", &tokens, &line),
	    -ENOENT);
	assert_int_equal(line, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
