/* SPDX-License-Identifier: ISC */
/*
 * The files of the client port: which there are, and that they are whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/client_file.h"
#include "worker/gateway/http_answer.h"

static void
test_found(void **state)
{
	const struct client_file *file = client_file_find("/holdfast.js", 12);
	char head[HTTP_ANSWER_MAX], length[64];

	(void)state;
	assert_non_null(file);
	assert_true(file->len > 1000);
	assert_memory_equal(file->bytes, "/* SPDX", 7);
	assert_memory_equal(file->bytes + file->len - 4, "});\n", 4);
	assert_true(client_file_head_format(file, head, sizeof(head)) > 0);
	(void)snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n",
	    file->len);
	assert_non_null(strstr(head, length));
	assert_non_null(strstr(head, "\r\nContent-Type: text/javascript;"));
	assert_string_equal(head + strlen(head) - 4, "\r\n\r\n");
	assert_int_equal(client_file_head_format(file, head, 20), -ENOSPC);
	assert_non_null(client_file_find("/holdfast.d.ts", 14));
}

static void
test_not_found(void **state)
{
	(void)state;
	assert_null(client_file_find("/holdfast.js", 11));
	assert_null(client_file_find("/holdfast.jsx", 13));
	assert_null(client_file_find("/Holdfast.js", 12));
	assert_null(client_file_find("", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
