/* SPDX-License-Identifier: ISC */
/*
 * The list of slots in the run directory: what is written reads back, and what
 * is cut off, doubled or out of range is refused as a whole.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/slot/slots_file.h"

#define HEAD "holdfast-slots 1\nnode 0.1.0 1 2 77 4\n"

static void
test_reads_back(void **state)
{
	static struct slots_file file, back;
	struct textbuf text;

	(void)state;
	file = (struct slots_file){ .build = "0.1.0-dirty",
		.protocol = 1,
		.layouts = { 2, 1, 4000000000 },
		.layout_count = 3,
		.node_inode = UINT64_MAX,
		.gateways = SLOT_MAX_WORKERS,
		.count = SLOTS_FILE_MAX };
	for (uint32_t i = 0; i < SLOTS_FILE_MAX; i++)
		file.entries[i] = (struct slots_entry){
			.number = i % (SLOT_MAX_WORKERS + 1),
			.kind = i % (SLOT_MAX_WORKERS + 1) == SLOT_MAX_WORKERS ?
			    SLOT_KIND_RELAY :
			    SLOT_KIND_GATEWAY,
			.nonce = UINT64_MAX - i,
			.keeper = INT32_MAX - (pid_t)i,
			.start_time = UINT64_MAX - i,
		};
	textbuf_init(&text, SLOTS_FILE_MAX_BYTES);
	slots_file_format(&file, &text);
	assert_int_equal(textbuf_error(&text), 0);
	assert_int_equal(slots_file_parse(textbuf_text(&text), &back), 0);
	textbuf_clear(&text);
	assert_string_equal(back.build, "0.1.0-dirty");
	assert_int_equal(back.protocol, 1);
	assert_int_equal(back.layout_count, 3);
	assert_int_equal(back.layouts[0], 2);
	assert_int_equal(back.layouts[1], 1);
	assert_int_equal(back.layouts[2], 4000000000);
	assert_true(back.node_inode == UINT64_MAX);
	assert_int_equal(back.gateways, SLOT_MAX_WORKERS);
	assert_int_equal(back.count, SLOTS_FILE_MAX);
	for (uint32_t i = 0; i < SLOTS_FILE_MAX; i++) {
		const struct slots_entry *entry = &back.entries[i];

		assert_int_equal(entry->number, file.entries[i].number);
		assert_int_equal(entry->kind, file.entries[i].kind);
		assert_true(entry->nonce == UINT64_MAX - i);
		assert_int_equal(entry->keeper, INT32_MAX - (pid_t)i);
		assert_true(entry->start_time == UINT64_MAX - i);
	}
}

static void
test_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"holdfast-slots 1",
		"holdfast-slots 1\n",
		"holdfast-slots 2\nnode 0.1.0 1 2 77 4\nend\n",
		HEAD,
		HEAD "end",
		HEAD "end\n\n",
		HEAD "end\nend\n",
		HEAD "slot 0 gateway 1 2 3\n",
		HEAD "slot 0 gateway 1 2\nend\n",
		HEAD "slot 0 gateway 1 2 3 4\nend\n",
		HEAD "slot 0 gateway 1  2 3\nend\n",
		HEAD "slot 0 gateway 0 2 3\nend\n",
		HEAD "slot 0 gateway 1 1 3\nend\n",
		HEAD "slot 0 gateway 1 0 3\nend\n",
		HEAD "slot 0 gateway 1 -1 3\nend\n",
		HEAD "slot 0 gateway 1 2147483648 3\nend\n",
		HEAD "slot 0 gateway 1 2 18446744073709551616\nend\n",
		HEAD "slot 65 gateway 1 2 3\nend\n",
		HEAD "slot 0 gatewa 1 2 3\nend\n",
		HEAD "slot 0 unknown 1 2 3\nend\n",
		HEAD "sl0t 0 gateway 1 2 3\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 2 77 0\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 2 77 65\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 2 77\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 2, 77 4\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 ,2 77 4\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 2,,1 77 4\nend\n",
		"holdfast-slots 1\nnode 0.1.0 1 2,4294967296 77 4\nend\n",
		"holdfast-slots 1\nnode x 1 9,8,7,6,5,4,3,2,1 77 4\nend\n",
	};
	static struct slots_file file;

	(void)state;
	file.count = 4711;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(slots_file_parse(bad[i], &file), -EPROTO);
	assert_int_equal(file.count, 4711);
}

/* One line more than there can be slots on their way. */
static void
test_is_bounded(void **state)
{
	static char text[SLOTS_FILE_MAX_BYTES];
	static struct slots_file file;
	size_t len = 0;

	(void)state;
	len += (size_t)snprintf(text, sizeof(text), HEAD);
	for (uint32_t i = 0; i <= SLOTS_FILE_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "slot 0 gateway 1 2 3\n");
	snprintf(text + len, sizeof(text) - len, "end\n");
	assert_int_equal(slots_file_parse(text, &file), -EPROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
