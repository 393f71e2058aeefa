/* SPDX-License-Identifier: ISC */
/*
 * Readers of a slot's table in other processes, while its writer replaces and
 * drops connections and its index grows, shrinks and is cleaned.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/table_help.h"

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
		/* every other one is hot, to meet its writer */
		uint32_t n = finds++ % 2 ? 0 : finds % FIXED;
		size_t len = make_id(n, id);
		int rc = table_find(&t, id, len, &v);

		busy += rc == -EAGAIN;
		if (rc == -ENOENT)
			return 2;
		/* written as a pair: a torn copy would tell them apart */
		if (rc == 0 && v.body.taken + n != v.body.messages_out)
			return 3;
	}
	return busy > finds / 2 ? 4 : 0;
}

static void
write_pair(struct table *t, uint32_t rec, uint32_t n, uint64_t turn)
{
	struct record_body body = t->records[rec].body;

	body.taken = turn;
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
	body.taken = turn;
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
run_round(void)
{
	static uint32_t at[FIXED];
	_Atomic uint32_t *stop;
	struct table t;
	int fd = make_table(&t, 10000), status;
	pid_t pids[2];
	uint32_t word;

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
	for (uint32_t turn = 0; turn < 10; turn++) {
		for (uint32_t i = 0; i < 20000; i++) {
			uint32_t n = i % 40 ? 0 : (uint32_t)random() % FIXED;

			if (i % 40 == 0)
				replace(&t, at, n, turn * 100000 + i);
			else
				write_pair(&t, at[n], n, turn * 100000 + i);
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

/* An index grows when it is young: several tables, for more switches. */
static void
test_concurrent_readers(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++)
		run_round();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_concurrent_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
