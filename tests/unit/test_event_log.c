/* SPDX-License-Identifier: ISC */
/*
 * The ring of events: order, overwriting, hostile texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/event_log.h"

static void
test_order(void **state)
{
	struct event_log log;
	const struct event_entry *entry;
	uint64_t seq = 0;
	uint32_t i, seen = 0;

	(void)state;
	assert_int_equal(event_log_init(&log), 0);
	assert_null(event_log_after(&log, 0));
	for (i = 1; i <= EVENT_LOG_SIZE + 5; i++)
		event_log_add(&log, i, "kind", 3, NULL, NULL, i);
	while ((entry = event_log_after(&log, seq)) != NULL) {
		assert_int_equal(entry->value, (int64_t)entry->seq);
		assert_true(entry->seq > seq);
		seq = entry->seq;
		seen++;
	}
	/* The oldest gave way, none came twice. */
	assert_int_equal(seen, EVENT_LOG_SIZE);
	assert_int_equal(seq, EVENT_LOG_SIZE + 5);
	assert_null(event_log_after(&log, seq + 100));
	event_log_clear(&log);
}

static void
test_long_texts_are_cut(void **state)
{
	struct event_log log;
	const struct event_entry *entry;
	char text[4096];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(event_log_init(&log), 0);
	entry = event_log_add(&log, 1, text, -1, text, text, 0);
	assert_int_equal(strlen(entry->kind), sizeof(entry->kind) - 1);
	assert_int_equal(strlen(entry->client), sizeof(entry->client) - 1);
	assert_int_equal(strlen(entry->text), sizeof(entry->text) - 1);
	event_log_clear(&log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
