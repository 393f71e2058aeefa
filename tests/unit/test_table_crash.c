/* SPDX-License-Identifier: ISC */
/*
 * A writer of a slot's table dies at any instant; the next one adopts, and the
 * table is whole: each open record is found by its id or gave way to a newer
 * one, nothing else is found, no record is lost.  It is killed from outside in
 * every build; with HOLDFAST_CRASHPOINTS it also dies at each commit.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "tests/unit/table_help.h"

#define CAPACITY 2500u
#define IDS	 1500u

static int
make_file(void)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("table", table_bytes(CAPACITY), &fd),
	    0);
	return fd;
}

/* The journal's part: the record that was being written is written whole. */
static int
adopt(struct table *t, int fd)
{
	if (table_attach(t, fd, 1) != 0)
		return -1;
	for (uint32_t i = 0; i < t->header->high_water; i++)
		if (t->records[i].seq % 2 != 0)
			write_free(t, i);
	return table_adopt(t, NULL, NULL);
}

/* Connections come, replace one another and go. */
static int
churn(int fd, uint32_t seed, uint32_t turns)
{
	char id[RECORD_ID_MAX + 1];
	uint32_t rec, old;
	struct table t;

	if (adopt(&t, fd) != 0)
		return 1;
	srandom(seed);
	for (uint32_t turn = 0; turn < turns; turn++) {
		size_t len = make_id((uint32_t)random() % IDS, id);

		rec = table_index_get(&t, id, len);
		if (rec != RECORD_NONE && random() % 3 != 0) {
			close_one(&t, rec);
			continue;
		}
		if (table_take_free(&t, &rec) != 0)
			return 2;
		write_open(&t, rec, id, turn + 1);
		if (table_index_put(&t, rec, &old) != 0)
			return 3;
		if (old != RECORD_NONE)
			close_one(&t, old);
	}
	return 0;
}

static int
check_records(struct table *t)
{
	uint32_t live = 0;

	for (uint32_t i = 0; i < t->header->high_water; i++) {
		const struct record_body *b = &t->records[i].body;
		char id[RECORD_ID_MAX + 1];
		struct record_view v;

		if (t->records[i].seq % 2 != 0)
			return 10;
		if (b->state == RECORD_FREE)
			continue;
		live++;
		table_id(t, i, id);
		if (table_find(t, id, b->id_len, &v) != 0)
			return 11;
		if (v.index != i && v.body.established_us < b->established_us)
			return 12;
	}
	if (live != t->header->live ||
	    live + t->free_count != t->header->high_water)
		return 13;
	return 0;
}

/* Adopts, checks, and takes the table down to nothing. */
static int
check(int fd)
{
	uint32_t word;
	struct table t;
	int rc;

	if (adopt(&t, fd) != 0)
		return 4;
	rc = check_records(&t);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < t.header->high_water; i++)
		if (t.records[i].body.state != RECORD_FREE)
			close_one(&t, i);
	word = t.header->index_word;
	for (uint32_t i = 0; i < 1u << (word & 0xff); i++)
		if (t.index[word >> 31][i] + 1 > 1)
			return 14;
	return t.header->live != 0 ? 15 : 0;
}

static int
wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
run_check(int fd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(check(fd));
	assert_int_equal(wait_for(pid), 0);
}

static void
test_killed(void **state)
{
	int killed = 0;

	(void)state;
	for (uint32_t turn = 0; turn < 40; turn++) {
		struct timespec a_while = { .tv_nsec = 1000 *
			    (500 + turn * 7919 % 5000) };
		int fd = make_file();

		assert_int_equal(table_format(fd, 0, CAPACITY, 1,
				     table_help_key),
		    0);
		for (uint32_t life = 0; life < 3; life++) {
			pid_t pid = fork();
			int status;

			assert_true(pid >= 0);
			if (pid == 0)
				_exit(churn(fd, turn * 3 + life, UINT32_MAX));
			nanosleep(&a_while, NULL);
			kill(pid, SIGKILL);
			status = wait_for(pid);
			assert_true(WIFSIGNALED(status));
			killed++;
		}
		run_check(fd);
		close(fd);
	}
	assert_int_equal(killed, 120);
}

#ifdef HOLDFAST_CRASHPOINTS
/* One life that dies at a point, if it comes there as often; and its heir,
 * who may meet the same point while adopting. */
static int
die_at(const char *point, int count)
{
	char where[160];
	int fd = make_file(), died = 0;

	assert_int_equal(table_format(fd, 0, CAPACITY, 1, table_help_key), 0);
	snprintf(where, sizeof(where), "%s:%d", point, count);
	for (int life = 0; life < 2; life++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			setenv("HOLDFAST_CRASH_AT", where, 1);
			_exit(churn(fd, (uint32_t)count, 4000));
		}
		status = wait_for(pid);
		if (WIFSIGNALED(status))
			assert_int_equal(WTERMSIG(status), SIGKILL);
		else
			assert_int_equal(status, 0);
		died += WIFSIGNALED(status);
	}
	run_check(fd);
	close(fd);
	return died;
}

/* A writer that leaves all kinds of things to repair meets every point. */
static void
list_points(const char *path)
{
	int fd = make_file();
	pid_t pid;

	assert_int_equal(table_format(fd, 0, CAPACITY, 1, table_help_key), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("HOLDFAST_CRASH_LIST", path, 1);
		_exit(churn(fd, 1, 4000));
	}
	assert_int_equal(wait_for(pid), 0);
	run_check(fd);
	close(fd);
}

static void
test_each_point(void **state)
{
	char path[] = "/tmp/holdfast-points.XXXXXX", point[128];
	int fd = mkstemp(path), points = 0, died = 0;
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	list_points(path);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(point, sizeof(point), f) != NULL) {
		int before = died;

		point[strcspn(point, "\n")] = '\0';
		for (int count = 1; count <= 6; count++)
			died += die_at(point, count);
		died += die_at(point, 701) + die_at(point, 702);
		/* before and after the very first passage, twice each */
		assert_true(died - before >= 2);
		points++;
	}
	fclose(f);
	unlink(path);
	print_message("%d points, %d deaths\n", points, died);
	assert_true(points >= 7);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
#ifdef HOLDFAST_CRASHPOINTS
		cmocka_unit_test(test_each_point),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
