/* SPDX-License-Identifier: ISC */
/* Unit test of the handshake's digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/gateway/ws_digest.h"

/* RFC 6455 section 1.3 */
static void
test_rfc_example(void **state)
{
	char accept[WS_DIGEST_ACCEPT_LEN + 1];

	(void)state;
	assert_int_equal(ws_digest_accept("dGhlIHNhbXBsZSBub25jZQ==", accept),
	    0);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_example),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
