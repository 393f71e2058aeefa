/* SPDX-License-Identifier: ISC */
/*
 * Adoption of a slot's table: whatever a dead tenant left, the next one finds
 * its connections and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/table_help.h"

static uint32_t
free_slots(struct table *t)
{
	return t->free_count + t->capacity - t->header->high_water;
}

static void
test_adopt_repairs(void **state)
{
	struct table t;
	int fd = make_table(&t, 3000);
	char id[RECORD_ID_MAX + 1];
	uint32_t rec, used;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		make_id(i, id);
		open_one(&t, id, 10 + i);
	}
	used = t.index_used;
	/* died between record and index, both ways */
	table_index_drop(&t, 10);
	write_free(&t, 11);
	/* died in the middle of a record */
	t.records[12].seq |= 1;
	/* an id in two records: the later one stays found */
	make_id(13, id);
	assert_int_equal(table_take_free(&t, &rec), 0);
	write_open(&t, rec, id, 5000);
	/* taken, never written */
	assert_int_equal(table_take_free(&t, &rec), 0);
	assert_int_equal(rec, 1001);
	t.header->live = 17;
	adopt_again(&t, fd);
	make_id(10, id);
	assert_found(&t, id, 10);
	make_id(11, id);
	assert_absent(&t, id);
	make_id(12, id);
	assert_found(&t, id, 12);
	assert_int_equal(t.records[12].seq % 2, 0);
	make_id(13, id);
	assert_found(&t, id, 1000);
	assert_int_equal(t.header->live, 1000);
	assert_int_equal(t.free_count, 2);
	assert_int_equal(free_slots(&t), 2000);
	assert_true(t.index_used <= used + 1);
	adopt_again(&t, fd);
	assert_found(&t, id, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		if (i != 13 && i != 11) {
			make_id(i, id);
			assert_found(&t, id, i);
		}
	drop_table(&t, fd);
}

/* An index that is garbage all over costs nothing but time. */
static void
test_adopt_garbage_index(void **state)
{
	struct table t;
	int fd = make_table(&t, 3000);
	char id[RECORD_ID_MAX + 1];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		make_id(i, id);
		open_one(&t, id, 10 + i);
	}
	for (int turn = 0; turn < 4; turn++) {
		uint32_t word = t.header->index_word;

		for (uint32_t i = 0; i < 1u << (word & 0xff); i++)
			t.index[word >> 31][i] = turn == 0 ? UINT64_MAX :
			    turn == 1			   ? 0 :
			    turn == 2 ? (uint64_t)i << 32 | (i % 1200 + 1) :
					(uint64_t)random() << 33 ^ random();
		if (turn == 3)
			t.header->index_word = 0x8000003f;
		adopt_again(&t, fd);
		for (uint32_t i = 0; i < 1000; i++) {
			make_id(i, id);
			assert_found(&t, id, i);
		}
	}
	drop_table(&t, fd);
}

struct bad {
	uint32_t recs[8];
	uint32_t count;
	struct table *table;
};

static void
on_bad(uint32_t rec, void *arg)
{
	struct bad *bad = arg;

	bad->recs[bad->count++] = rec;
	write_free(bad->table, rec);
	table_give_back(bad->table, rec);
}

static void
test_adopt_bad_records(void **state)
{
	struct bad bad = { .count = 0 };
	char id[RECORD_ID_MAX + 1];
	struct record_view v;
	struct table t;
	int fd = make_table(&t, 100);

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		make_id(i, id);
		open_one(&t, id, 10 + i);
	}
	t.records[3].body.state = RECORD_STATE_MAX;
	t.records[5].body.id_len = 101;
	t.records[7].body.id_len = 0;
	memset(t.records[9].body.id, 7, 8);
	assert_int_equal(table_read(&t, 5, &v), 0);
	assert_int_equal(v.body.state, RECORD_FREE);
	assert_string_equal(v.id, "");
	assert_int_equal(table_read(&t, 9, &v), 0);
	assert_string_equal(v.id, "");
	table_detach(&t);
	assert_int_equal(table_attach(&t, fd, 1), 0);
	bad.table = &t;
	assert_int_equal(table_adopt(&t, on_bad, &bad), 0);
	assert_int_equal(bad.count, 3);
	assert_int_equal(bad.recs[0], 3);
	assert_int_equal(bad.recs[1], 5);
	assert_int_equal(bad.recs[2], 7);
	assert_int_equal(t.header->live, 17);
	assert_int_equal(free_slots(&t), 83);
	drop_table(&t, fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adopt_repairs),
		cmocka_unit_test(test_adopt_garbage_index),
		cmocka_unit_test(test_adopt_bad_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
