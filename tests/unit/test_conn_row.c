/* SPDX-License-Identifier: ISC */
/*
 * Rows of connections, which nodes exchange: each value under its name.
 */
#include "proto/conn_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_row(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 1, 2, 3 };
	struct record_view view;
	struct textbuf json;

	(void)state;
	memset(&view, 0, sizeof(view));
	memcpy(view.id, "ali\"ce", 7);
	view.index = 12;
	view.body.state = RECORD_OPEN;
	memcpy(view.body.addr, mapped, sizeof(mapped));
	view.body.port = 4711;
	view.body.established_us = UINT64_C(1767323045678000);
	view.body.messages_in = 3;
	view.body.taken = UINT64_C(1) << 40;
	view.body.flags = RECORD_DEFLATE;
	view.body.uuid[0] = 0xab;
	textbuf_init(&json, CONN_ROW_MAX);
	conn_row_put(&json, 2, &view);
	assert_int_equal(textbuf_error(&json), 0);
	assert_non_null(strstr(textbuf_text(&json),
	    "{\"client_id\":\"ali\\\"ce\",\"slot\":2,\"record\":12,"
	    "\"state\":\"open\",\"address\":\"10.1.2.3\",\"port\":4711,"
	    "\"established_at\":\"2026-01-02T03:04:05.678Z\",\"idle_ms\":"));
	assert_non_null(strstr(textbuf_text(&json),
	    ",\"ping_latency_us\":null,\"messages_in\":3,\"messages_out\":0,"
	    "\"bytes_in\":1099511627776,\"bytes_out\":0,\"compressed\":true,"
	    "\"uuid\":\"ab000000-0000-0000-0000-000000000000\"}"));
	textbuf_clear(&json);
}

static void
test_longest(void **state)
{
	struct record_view view;
	struct textbuf json;

	(void)state;
	memset(&view, 0xff, sizeof(view));
	memset(view.id, '"', sizeof(view.id));
	view.id[sizeof(view.id) - 1] = '\0';
	view.body.state = RECORD_OPEN;
	textbuf_init(&json, CONN_ROW_MAX);
	conn_row_put(&json, UINT32_MAX, &view);
	assert_int_equal(textbuf_error(&json), 0);
	textbuf_clear(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
