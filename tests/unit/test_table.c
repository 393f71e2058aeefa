/* SPDX-License-Identifier: ISC */
/*
 * A slot's table: records and index against a model, memory that follows the
 * population, and what is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "tests/unit/table_help.h"

static void
test_one_connection(void **state)
{
	struct record_view v;
	struct table t;
	int fd = make_table(&t, 100);
	uint32_t rec, second, old;

	(void)state;
	assert_int_equal(table_read(&t, 0, &v), -ENOENT);
	assert_absent(&t, "alice");
	rec = open_one(&t, "alice", 1);
	assert_int_equal(rec, 0);
	assert_found(&t, "alice", rec);
	assert_absent(&t, "alic");
	assert_absent(&t, "");
	assert_int_equal(t.header->live, 1);
	assert_int_equal(table_read(&t, 0, &v), 0);
	assert_string_equal(v.id, "alice");
	assert_int_equal(table_read(&t, 1, &v), -ENOENT);
	assert_int_equal(table_read(&t, RECORD_NONE, &v), -ENOENT);

	/* the newest connection of an id wins */
	assert_int_equal(table_take_free(&t, &second), 0);
	write_open(&t, second, "alice", 2);
	assert_int_equal(table_index_put(&t, second, &old), 0);
	assert_int_equal(old, rec);
	assert_int_equal(table_index_put(&t, second, &old), 0);
	assert_int_equal(old, RECORD_NONE);
	assert_found(&t, "alice", second);
	close_one(&t, rec);
	assert_found(&t, "alice", second);
	close_one(&t, second);
	assert_absent(&t, "alice");
	assert_int_equal(t.header->live, 0);

	/* the lowest free record comes first, and remembers its gen */
	assert_int_equal(open_one(&t, "bob", 3), rec);
	assert_int_equal(t.records[rec].body.gen, 2);
	drop_table(&t, fd);
}

/* Not open any more: gone for those who look for a client. */
static void
test_find_wants_open(void **state)
{
	struct table t;
	int fd = make_table(&t, 10);
	uint32_t rec = open_one(&t, "alice", 1);
	struct record_body body = t.records[rec].body;

	(void)state;
	body.state = RECORD_CLOSING;
	table_write(&t, rec, &body);
	assert_absent(&t, "alice");
	assert_int_equal(table_index_get(&t, "alice", 5), rec);
	body.state = RECORD_OPEN;
	table_write(&t, rec, &body);
	assert_found(&t, "alice", rec);
	drop_table(&t, fd);
}

static void
test_memory_follows_population(void **state)
{
	enum { COUNT = 15000 };
	struct table t;
	int fd = make_table(&t, 40000);
	char id[RECORD_ID_MAX + 1];
	uint64_t least = SLOT_HEADER_BYTES + SLOT_SCRATCH_IN +
	    SLOT_SCRATCH_OUT + 4096;

	(void)state;
	assert_int_equal(file_pages(fd), least);
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(id, sizeof(id), "client-%u", i);
		assert_int_equal(open_one(&t, id, i), i);
	}
	assert_int_equal(t.header->index_word & 0xff, 15);
	/* 256 KiB of index, 176 bytes each in steps of 64 KiB */
	assert_true(file_pages(fd) <=
	    least + 256 * 1024 + COUNT * sizeof(struct record) + 65536);
	assert_int_equal(t.header->live, COUNT);
	assert_int_equal(t.free_room, 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		snprintf(id, sizeof(id), "client-%u", i);
		assert_found(&t, id, i);
	}
	drop_table(&t, fd);
}

static void
test_full(void **state)
{
	struct table t;
	int fd = make_table(&t, 600);
	char id[RECORD_ID_MAX + 1];
	uint32_t rec;

	(void)state;
	for (uint32_t turn = 0; turn < 3; turn++) {
		for (uint32_t i = 0; i < 600; i++) {
			make_id(i + turn, id);
			open_one(&t, id, i);
		}
		assert_int_equal(table_take_free(&t, &rec), -ENOSPC);
		adopt_again(&t, fd);
		assert_int_equal(table_take_free(&t, &rec), -ENOSPC);
		for (uint32_t i = 0; i < 600; i++)
			close_one(&t, 599 - i);
	}
	assert_int_equal(t.header->live, 0);
	assert_int_equal(t.index_used, 0);
	drop_table(&t, fd);
}

/* Random connects, replacements and disconnects against an array. */
static void
test_churn(void **state)
{
	enum { IDS = 3000, TURNS = 120000 };
	static uint32_t at[IDS];
	char id[RECORD_ID_MAX + 1];
	struct table t;
	int fd = make_table(&t, 4000);
	uint32_t rec, old, words = 0, word = 0;

	(void)state;
	srandom(7);
	memset(at, 0xff, sizeof(at));
	for (uint32_t turn = 0; turn < TURNS; turn++) {
		uint32_t n = (uint32_t)random() % IDS;

		make_id(n, id);
		if (at[n] != RECORD_NONE && random() % 4 != 0) {
			close_one(&t, at[n]);
			at[n] = RECORD_NONE;
			assert_absent(&t, id);
		} else {
			assert_int_equal(table_take_free(&t, &rec), 0);
			write_open(&t, rec, id, turn + 1);
			assert_int_equal(table_index_put(&t, rec, &old), 0);
			assert_int_equal(old, at[n]);
			if (old != RECORD_NONE)
				close_one(&t, old);
			at[n] = rec;
			assert_found(&t, id, rec);
		}
		words += t.header->index_word != word;
		word = t.header->index_word;
		if (turn % 20000 == 19999)
			adopt_again(&t, fd);
	}
	assert_true(words > 3);
	for (uint32_t n = 0; n < IDS; n++) {
		make_id(n, id);
		if (at[n] != RECORD_NONE)
			assert_found(&t, id, at[n]);
		else
			assert_absent(&t, id);
	}
	drop_table(&t, fd);
}

/* A writer that stands in the middle of a record: busy, not for ever. */
static void
test_busy(void **state)
{
	struct record_view v;
	struct table t;
	int fd = make_table(&t, 10);
	uint32_t rec = open_one(&t, "alice", 1);

	(void)state;
	t.records[rec].seq |= 1;
	assert_int_equal(table_read(&t, rec, &v), -EAGAIN);
	assert_int_equal(table_find(&t, "alice", 5, &v), -EAGAIN);
	assert_absent(&t, "bob");
	table_write(&t, rec, &t.records[rec].body);
	assert_found(&t, "alice", rec);
	t.header->index_word = 63;
	assert_int_equal(table_find(&t, "alice", 5, &v), -EAGAIN);
	drop_table(&t, fd);
}

static void
test_no_memory(void **state)
{
	char path[64], id[RECORD_ID_MAX + 1];
	struct table t;
	int fd = make_table(&t, 3000), readonly;
	uint32_t rec, old, count = 0;

	(void)state;
	open_one(&t, "client-0", 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY);
	assert_true(readonly >= 0);
	t.fd = readonly;
	while (table_take_free(&t, &rec) == 0) {
		write_open(&t, rec, "same", 1);
		assert_int_equal(table_index_put(&t, rec, &old), 0);
		count++;
	}
	assert_int_equal(table_take_free(&t, &rec), -ENOMEM);
	assert_int_equal(count, 65536 / sizeof(struct record) - 1);
	make_id(3, id);
	assert_int_equal(table_set_id_rest(&t, 1, id, strlen(id)), -ENOMEM);
	t.fd = fd;
	for (count = 0; count < 200; count++)
		assert_int_equal(table_take_free(&t, &rec), 0);
	/* the index fills up to 15/16 before it refuses */
	t.fd = readonly;
	for (count = 1; count < 570; count++) {
		snprintf(id, sizeof(id), "client-%u", count);
		write_open(&t, count % 570, id, 1);
		if (table_index_put(&t, count % 570, &old) != 0)
			break;
	}
	assert_in_range(count, 470, 482);
	snprintf(id, sizeof(id), "client-%u", count - 1);
	assert_found(&t, id, count - 1);
	t.fd = fd;
	assert_int_equal(table_index_put(&t, count, &old), 0);
	close(readonly);
	drop_table(&t, fd);
}

static void
test_attach_refuses(void **state)
{
	int fd = -1, size;
	struct slot_header *h;
	struct table t;

	(void)state;
	size = (int)table_bytes(10);
	assert_int_equal(fd_memfd_create("table", (size_t)size, &fd), 0);
	assert_int_equal(table_attach(&t, fd, 0), -EPROTO);
	assert_int_equal(table_attach(&t, -1, 0), -EBADF);
	assert_int_equal(table_format(fd, 0, 1000000, 1, table_help_key),
	    -EINVAL);
	assert_int_equal(table_format(fd, 0, UINT32_MAX, 1, table_help_key),
	    -EINVAL);
	assert_int_equal(table_format(fd, 0, 10, 1, table_help_key), 0);
	assert_int_equal(table_attach(&t, fd, 1), 0);
	h = t.header;
	h->layout++;
	{
		struct table other;

		assert_int_equal(table_attach(&other, fd, 0), -EPROTONOSUPPORT);
		h->layout--;
		h->capacity = 100000;
		assert_int_equal(table_attach(&other, fd, 0), -EPROTO);
		h->capacity = UINT32_MAX;
		assert_int_equal(table_attach(&other, fd, 0), -EPROTO);
		h->capacity = 10;
		h->table_bytes_lo += 4096;
		assert_int_equal(table_attach(&other, fd, 0), -EPROTO);
		h->table_bytes_lo -= 4096;
		assert_int_equal(table_attach(&other, fd, 0), 0);
		table_detach(&other);
	}
	drop_table(&t, fd);

	/* a relay's */
	fd = make_table(&t, 0);
	assert_int_equal(t.header->kind, SLOT_KIND_RELAY);
	assert_int_equal(file_pages(fd), SLOT_HEADER_BYTES);
	assert_absent(&t, "alice");
	drop_table(&t, fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_find_wants_open),
		cmocka_unit_test(test_memory_follows_population),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_attach_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
