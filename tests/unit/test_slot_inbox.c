/* SPDX-License-Identifier: ISC */
/*
 * Ids of a stream, and the position that a reader leaves for its successor.
 */
#include "proto/slot_inbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_ids(void **state)
{
	static const char *const good[] = { "0-0", "1767323045678-12",
		"18446744073709551615-18446744073709551615" };
	static const char *const bad[] = { "", "-", "1", "1-", "-1", "1--1",
		"1-2-3", "a-1", "1-b", "18446744073709551616-0", " 1-1",
		"1-1 " };
	struct inbox_id id = { 7, 8 }, other;
	char text[INBOX_ID_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(inbox_id_parse(bad[i], strlen(bad[i]), &id),
		    -EINVAL);
		assert_int_equal(id.ms, 7);
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(inbox_id_parse(good[i], strlen(good[i]), &id),
		    0);
		inbox_id_format(&id, text);
		assert_string_equal(text, good[i]);
	}
	id = (struct inbox_id){ 5, 9 };
	other = (struct inbox_id){ 6, 1 };
	assert_true(inbox_id_compare(&id, &other) < 0);
	assert_true(inbox_id_compare(&other, &id) > 0);
	other = (struct inbox_id){ 5, 10 };
	assert_true(inbox_id_compare(&id, &other) < 0);
	assert_int_equal(inbox_id_compare(&id, &id), 0);
}

static void
test_position(void **state)
{
	static struct slot_inbox inbox;
	struct inbox_state put;
	const struct inbox_state *before, *got;
	uint64_t i;

	(void)state;
	assert_null(slot_inbox_get(&inbox));
	memset(&put, 0, sizeof(put));
	for (i = 1; i < 10; i++) {
		before = slot_inbox_get(&inbox);
		put.done.ms = i;
		put.ring_seq = i;
		slot_inbox_put(&inbox, &put);
		got = slot_inbox_get(&inbox);
		assert_int_equal(got->done.ms, i);
		assert_int_equal(got->ring_seq, i);
		/* what was in force is whole until the next one is */
		assert_true(before != got);
		if (before != NULL)
			assert_int_equal(before->done.ms, i - 1);
	}
	/* a word that makes no sense is no position */
	atomic_store(&inbox.in_force, 3);
	assert_null(slot_inbox_get(&inbox));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
