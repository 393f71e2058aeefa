/* SPDX-License-Identifier: ISC */
/*
 * A slot's table: records and index against a model, memory that follows the
 * population, adoption of what a dead tenant left, and readers in another
 * process while the writer replaces, drops and grows.
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "proto/table.h"

static const uint8_t key[32] = "a key of thirty-two bytes, not 1";

static int
make_table(struct table *t, uint32_t capacity)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("table", table_bytes(capacity), &fd),
	    0);
	assert_int_equal(table_format(fd, 3, capacity, 77, key), 0);
	assert_int_equal(table_attach(t, fd, 1), 0);
	assert_int_equal(table_adopt(t, NULL, NULL), 0);
	return fd;
}

static void
drop_table(struct table *t, int fd)
{
	table_detach(t);
	close(fd);
}

/* What a tenant's death and its successor do to the private state. */
static void
adopt_again(struct table *t, int fd)
{
	table_detach(t);
	assert_int_equal(table_attach(t, fd, 1), 0);
	assert_int_equal(table_adopt(t, NULL, NULL), 0);
}

static uint64_t
file_pages(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Ids of all lengths; n % 4 == 3 makes one that does not fit the record. */
static size_t
make_id(uint32_t n, char out[RECORD_ID_MAX + 1])
{
	int len = snprintf(out, RECORD_ID_MAX + 1, "client-%08u", n);
	int width = n % 4 == 3 ? (int)(41 + n % 60) : len;

	memset(out + len, '.', (size_t)(width - len));
	out[width] = '\0';
	return (size_t)width;
}

/* A body with that id; established_us tells which of several is newest. */
static void
write_open(struct table *t, uint32_t rec, const char *id, uint64_t since)
{
	struct record_body body = t->records[rec].body;
	size_t len = strlen(id);

	assert_int_equal(table_set_id_rest(t, rec, id, len), 0);
	memset(body.id, 0, sizeof(body.id));
	memcpy(body.id, id, len < RECORD_ID_INLINE ? len : RECORD_ID_INLINE);
	body.id_len = (uint8_t)len;
	body.state = RECORD_OPEN;
	body.flags = RECORD_INDEXED;
	body.fd = 9;
	body.gen++;
	body.established_us = since;
	table_write(t, rec, &body);
}

static uint32_t
open_one(struct table *t, const char *id, uint64_t since)
{
	uint32_t rec, old = 5;

	assert_int_equal(table_take_free(t, &rec), 0);
	assert_int_equal(t->records[rec].body.state, RECORD_FREE);
	write_open(t, rec, id, since);
	assert_int_equal(table_index_put(t, rec, &old), 0);
	assert_int_equal(old, RECORD_NONE);
	return rec;
}

static void
write_free(struct table *t, uint32_t rec)
{
	struct record_body body;

	memset(&body, 0, sizeof(body));
	body.gen = t->records[rec].body.gen;
	body.fd = -1;
	table_write(t, rec, &body);
}

static void
close_one(struct table *t, uint32_t rec)
{
	table_index_drop(t, rec);
	write_free(t, rec);
	table_give_back(t, rec);
}

static void
assert_found(const struct table *t, const char *id, uint32_t rec)
{
	struct record_view v;

	assert_int_equal(table_find(t, id, strlen(id), &v), 0);
	assert_int_equal(v.index, rec);
	assert_string_equal(v.id, id);
	assert_int_equal(v.body.state, RECORD_OPEN);
	assert_int_equal(table_index_get(t, id, strlen(id)), rec);
}

static void
assert_absent(const struct table *t, const char *id)
{
	struct record_view v;

	assert_int_equal(table_find(t, id, strlen(id), &v), -ENOENT);
}

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
	assert_int_equal(table_format(fd, 0, 1000000, 1, key), -EINVAL);
	assert_int_equal(table_format(fd, 0, UINT32_MAX, 1, key), -EINVAL);
	assert_int_equal(table_format(fd, 0, 10, 1, key), 0);
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

/* ---- readers while the writer works -------------------------------------- */

#define FIXED 400u /* ids that are always there; record numbers vary */

static int
read_for_ever(int fd, const _Atomic uint32_t *stop)
{
	uint32_t finds = 0, busy = 0;
	struct record_view v;
	struct table t;

	if (table_attach(&t, fd, 0) != 0)
		return 1;
	while (atomic_load(stop) == 0 || finds < 1000) {
		char id[RECORD_ID_MAX + 1];
		uint32_t n = finds++ % FIXED;
		size_t len = make_id(n, id);
		int rc = table_find(&t, id, len, &v);

		busy += rc == -EAGAIN;
		if (rc == -ENOENT)
			return 2;
		/* written as a pair: a torn copy would tell them apart */
		if (rc == 0 && v.body.messages_in + n != v.body.messages_out)
			return 3;
	}
	return busy > finds / 2 ? 4 : 0;
}

static void
write_pair(struct table *t, uint32_t rec, uint32_t n, uint64_t turn)
{
	struct record_body body = t->records[rec].body;

	body.messages_in = turn;
	body.messages_out = turn + n;
	table_write(t, rec, &body);
}

static void
replace(struct table *t, uint32_t at[FIXED], uint32_t n, uint64_t turn)
{
	char id[RECORD_ID_MAX + 1];
	struct record_body body;
	uint32_t rec, old;

	make_id(n, id);
	assert_int_equal(table_take_free(t, &rec), 0);
	body = t->records[rec].body;
	body.messages_in = turn;
	body.messages_out = turn + n;
	table_write(t, rec, &body);
	write_open(t, rec, id, turn);
	assert_int_equal(table_index_put(t, rec, &old), 0);
	assert_int_equal(old, at[n]);
	if (old != RECORD_NONE)
		close_one(t, old);
	at[n] = rec;
}

/* Others come and go, so that the index grows, shrinks and is cleaned. */
static void
crowd(struct table *t, uint32_t size)
{
	static uint32_t recs[8000];
	static uint32_t serial;
	char id[RECORD_ID_MAX + 1];

	for (uint32_t i = 0; i < size; i++) {
		snprintf(id, sizeof(id), "crowd-%u", serial++);
		recs[i] = open_one(t, id, 1);
	}
	while (size > 0)
		close_one(t, recs[--size]);
}

static void
test_concurrent_readers(void **state)
{
	static uint32_t at[FIXED];
	_Atomic uint32_t *stop;
	struct table t;
	int fd = make_table(&t, 10000), status;
	pid_t pids[2];
	uint32_t word;

	(void)state;
	stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(stop != MAP_FAILED);
	memset(at, 0xff, sizeof(at));
	for (uint32_t n = 0; n < FIXED; n++)
		replace(&t, at, n, 1);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(read_for_ever(fd, stop));
	}
	word = t.header->index_word;
	for (uint32_t turn = 0; turn < 40; turn++) {
		for (uint32_t i = 0; i < 2000; i++) {
			uint32_t n = (uint32_t)random() % FIXED;

			if (i % 4 == 0)
				replace(&t, at, n, turn * 10000 + i);
			else
				write_pair(&t, at[n], n, turn * 10000 + i);
		}
		crowd(&t, turn % 2 ? 7000 : 300);
	}
	assert_true(t.header->index_word != word);
	atomic_store(stop, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	munmap((void *)(uintptr_t)stop, 4096);
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
		cmocka_unit_test(test_adopt_repairs),
		cmocka_unit_test(test_adopt_garbage_index),
		cmocka_unit_test(test_adopt_bad_records),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_attach_refuses),
		cmocka_unit_test(test_concurrent_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
