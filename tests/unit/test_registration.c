/* SPDX-License-Identifier: ISC */
/*
 * Registrations: what is written of a connection is read again, and which of
 * two connections gives way.
 */
#include "worker/relay/registration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int
read_text(const char *text, uint64_t *out_ms)
{
	return registration_established(text, strlen(text), out_ms);
}

static void
test_round_trip(void **state)
{
	struct record_view view;
	struct textbuf json;
	uint64_t ms = 0;

	(void)state;
	memset(&view, 0, sizeof(view));
	strcpy(view.id, "a\"b");
	view.body.established_us = UINT64_C(1767323045678901);
	view.body.ping_latency_us = 12005;
	textbuf_init(&json, REGISTRATION_MAX);
	registration_put(&json, "node \\1", &view);
	assert_string_equal(textbuf_text(&json),
	    "{\"client_id\":\"a\\\"b\",\"gateway_node_id\":\"node \\\\1\","
	    "\"connection_status\":\"connected\",\"ip_address\":\"::\","
	    "\"established_at\":\"2026-01-02T03:04:05.678Z\","
	    "\"ping_latency_ms\":12.005}");
	assert_int_equal(read_text(textbuf_text(&json), &ms), 0);
	assert_int_equal(ms, UINT64_C(1767323045678));
	textbuf_clear(&json);
}

static void
test_others(void **state)
{
	static const char *const bad[] = { "", "[]", "1", "{\"established_at\"",
		"{\"established_at\":\"yesterday\"}", "{\"a\":1,\"a\":2}",
		"{} x" };
	uint64_t ms = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_text(bad[i], &ms), -EINVAL);
		assert_int_equal(ms, 7);
	}
	assert_int_equal(read_text("{\"established_at\":12}", &ms), 0);
	assert_int_equal(ms, 12);
	/* no time, or none that counts: older than everything */
	assert_int_equal(read_text("{}", &ms), 0);
	assert_int_equal(ms, 0);
	ms = 7;
	assert_int_equal(read_text("{\"established_at\":1767323045678.0}", &ms),
	    0);
	assert_true(ms == UINT64_C(1767323045678));
	assert_int_equal(read_text("{\"established_at\":1e300}", &ms), 0);
	assert_true(ms == 0);
	assert_int_equal(read_text("{\"established_at\":-5}", &ms), 0);
	assert_int_equal(ms, 0);
}

static void
test_gives_way(void **state)
{
	(void)state;
	assert_true(registration_gives_way(1, "b", 2, "a"));
	assert_false(registration_gives_way(2, "a", 1, "b"));
	/* at the same time exactly one of two nodes gives way */
	assert_true(registration_gives_way(2, "a", 2, "b"));
	assert_false(registration_gives_way(2, "b", 2, "a"));
	assert_false(registration_gives_way(2, "a", 2, "a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
