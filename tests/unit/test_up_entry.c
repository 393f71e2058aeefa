/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of what the relay makes of a gateway's ring entries.
 */
#include "worker/relay/up_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[512];

static struct ring_entry
entry_of(uint16_t kind, const void *head, size_t head_len, const char *rest)
{
	size_t len = strlen(rest);

	assert_true(head_len + len <= sizeof(bytes));
	memcpy(bytes, head, head_len);
	memcpy(bytes + head_len, rest, len);
	return (
	    struct ring_entry){ 1, kind, (uint32_t)(head_len + len), bytes };
}

static void
test_route(void **state)
{
	const struct ring_route head = { .rec = 7, .gen = 8 };
	char long_id[RECORD_ID_MAX + 2];
	struct ring_entry entry;
	struct up_route out = { .id_len = 99 };

	(void)state;
	memset(long_id, 'x', sizeof(long_id));
	long_id[RECORD_ID_MAX] = '\0';
	entry = entry_of(RING_CONNECTED, &head, sizeof(head), long_id);
	assert_true(up_entry_route(&entry, &out));
	assert_int_equal(out.id_len, RECORD_ID_MAX);
	assert_memory_equal(out.id, long_id, RECORD_ID_MAX);
	assert_int_equal(out.route.rec, 7);
	entry.kind = RING_DISCONNECTED;
	assert_true(up_entry_route(&entry, &out));
	entry.kind = RING_RECEIPT;
	assert_false(up_entry_route(&entry, &out));

	out.id_len = 99;
	long_id[RECORD_ID_MAX] = 'x';
	long_id[RECORD_ID_MAX + 1] = '\0';
	entry = entry_of(RING_CONNECTED, &head, sizeof(head), long_id);
	assert_false(up_entry_route(&entry, &out));
	entry = entry_of(RING_CONNECTED, &head, sizeof(head), "");
	assert_false(up_entry_route(&entry, &out));
	entry = entry_of(RING_CONNECTED, &head, sizeof(head), "a b");
	assert_false(up_entry_route(&entry, &out));
	entry = entry_of(RING_CONNECTED, &head, sizeof(head), "a\n");
	assert_false(up_entry_route(&entry, &out));
	for (entry.len = 0; entry.len <= sizeof(head); entry.len++)
		assert_false(up_entry_route(&entry, &out));
	assert_int_equal(out.id_len, 99);
}

static void
test_receipt(void **state)
{
	const struct ring_receipt head = { .token = 5,
		.status = RECEIPT_QUEUED };
	struct ring_receipt out;
	struct ring_entry entry = entry_of(RING_RECEIPT, &head, sizeof(head),
	    "");

	(void)state;
	assert_true(up_entry_receipt(&entry, &out));
	assert_memory_equal(&out, &head, sizeof(head));
	entry.len--;
	assert_false(up_entry_receipt(&entry, &out));
	entry.len += 2;
	assert_false(up_entry_receipt(&entry, &out));
	entry.len--;
	entry.kind = RING_MESSAGE;
	assert_false(up_entry_receipt(&entry, &out));
}

static void
test_message(void **state)
{
	struct ring_message head = { .seq = 3, .id_len = 5, .opcode = 1 };
	struct ring_message out = { .seq = 99 };
	struct ring_entry entry;

	(void)state;
	entry = entry_of(RING_MESSAGE, &head, sizeof(head), "alicehello");
	assert_true(up_entry_message(&entry, &out));
	assert_int_equal(out.seq, 3);
	assert_int_equal(out.id_len, 5);
	entry = entry_of(RING_MESSAGE, &head, sizeof(head), "alice");
	assert_true(up_entry_message(&entry, &out)); /* an empty one */

	out.seq = 99;
	entry = entry_of(RING_MESSAGE, &head, sizeof(head), "alic");
	assert_false(up_entry_message(&entry, &out));
	entry = entry_of(RING_MESSAGE, &head, sizeof(head), "ali\tehello");
	assert_false(up_entry_message(&entry, &out));
	entry = entry_of(RING_CONNECTED, &head, sizeof(head), "alicehello");
	assert_false(up_entry_message(&entry, &out));
	head.id_len = 0;
	entry = entry_of(RING_MESSAGE, &head, sizeof(head), "alicehello");
	assert_false(up_entry_message(&entry, &out));
	head.id_len = 255;
	entry = entry_of(RING_MESSAGE, &head, sizeof(head), "alicehello");
	assert_false(up_entry_message(&entry, &out));
	for (entry.len = 0; entry.len < sizeof(head); entry.len++)
		assert_false(up_entry_message(&entry, &out));
	assert_int_equal(out.seq, 99);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_receipt),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
