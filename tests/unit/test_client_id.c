/* SPDX-License-Identifier: ISC */
/* Unit tests of client ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "worker/gateway/client_id.h"

static void
test_lengths(void **state)
{
	char id[CLIENT_ID_MAX + 1];
	size_t len;

	(void)state;
	memset(id, 'x', sizeof(id));
	assert_int_equal(client_id_check(id, 0), -EINVAL);
	for (len = 1; len <= CLIENT_ID_MAX; len++)
		assert_int_equal(client_id_check(id, len), 0);
	assert_int_equal(client_id_check(id, CLIENT_ID_MAX + 1), -EINVAL);
}

static void
test_every_byte(void **state)
{
	char id[3] = "a?b";
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		id[1] = (char)c;
		assert_int_equal(client_id_check(id, 3),
		    c >= 0x21 && c <= 0x7e ? 0 : -EINVAL);
	}
}

/* base32 -d of the results in upper case, padded, gives the bytes again. */
static void
test_generated(void **state)
{
	uint8_t random[CLIENT_ID_RANDOM] = { 0 };
	char id[CLIENT_ID_GENERATED + 1];
	unsigned int i;

	(void)state;
	client_id_generate(random, id);
	assert_string_equal(id, "aaaaaaaaaaaaaaaaaaaaaaaaaa");
	memset(random, 0xff, sizeof(random));
	client_id_generate(random, id);
	assert_string_equal(id,
	    "7777777777777777777777777"
	    "4");
	for (i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(i * 17);
	client_id_generate(random, id);
	assert_string_equal(id, "aaisem2ekvthpcezvk54zxpo74");
	assert_int_equal(client_id_check(id, strlen(id)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_generated),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
