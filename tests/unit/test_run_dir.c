/* SPDX-License-Identifier: ISC */
/*
 * The run directory: made, locked against a second supervisor, pid file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <errno.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "supervisor/run_dir.h"

static char base[64];

static int
setup(void **state)
{
	(void)state;
	strcpy(base, "/tmp/holdfast-test-XXXXXX");
	return mkdtemp(base) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char path[128];
	const char *const names[] = { "/a/b/lock", "/a/b/state.lock", "/a/b",
		"/a", "" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", base, names[i]);
		if (remove(path) != 0)
			return -1;
	}
	return 0;
}

/* A lock of fcntl is the process's own: another one has to try. */
static int
try_in_child(const char *path, bool is_state, pid_t *out_holder)
{
	int fds[2], status, answer[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct run_dir dir = { .lock = -1 };
		pid_t holder = 0;

		answer[0] = is_state ? run_dir_lock_state(&dir, path, &holder) :
				       run_dir_open(&dir, path, &holder);
		answer[1] = holder;
		_exit(write(fds[1], answer, sizeof(answer)) !=
		    (ssize_t)sizeof(answer));
	}
	assert_int_equal(read(fds[0], answer, sizeof(answer)), sizeof(answer));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fds[0]);
	close(fds[1]);
	*out_holder = answer[1];
	return answer[0];
}

static void
test_lock_and_pid_file(void **state)
{
	struct run_dir dir = { .lock = -1 };
	char path[128], name[160], text[32], wanted[32];
	pid_t holder;
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b", base);
	assert_int_equal(run_dir_open(&dir, path, &holder), 0);
	assert_int_equal(try_in_child(path, false, &holder), -EBUSY);
	assert_int_equal(holder, getpid());
	assert_int_equal(run_dir_write_pid(&dir), 0);
	snprintf(name, sizeof(name), "%s/holdfastd.pid", path);
	assert_int_equal(fd_read_file(name, text, sizeof(text), &len), 0);
	snprintf(wanted, sizeof(wanted), "%d\n", (int)getpid());
	assert_string_equal(text, wanted);
	run_dir_close(&dir);
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(try_in_child(path, false, &holder), 0);
}

/* The folder may be the run directory: neither lock is the other's. */
static void
test_state_lock(void **state)
{
	struct run_dir dir = { .lock = -1 };
	char path[128], other[128];
	pid_t holder;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b", base);
	snprintf(other, sizeof(other), "%s/none", base);
	assert_int_equal(run_dir_open(&dir, path, &holder), 0);
	assert_int_equal(run_dir_lock_state(&dir, other, &holder), -ENOENT);
	assert_int_equal(run_dir_lock_state(&dir, path, &holder), 0);
	fd_close(&dir.lock);
	assert_int_equal(try_in_child(path, true, &holder), -EBUSY);
	assert_int_equal(holder, getpid());
	assert_int_equal(try_in_child(path, false, &holder), 0);
	run_dir_close(&dir);
	assert_int_equal(try_in_child(path, true, &holder), 0);
}

static void
test_refuses(void **state)
{
	char path[128], small[8];
	struct run_dir dir = { .path = "/run/holdfast" };

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b/lock", base);
	assert_int_equal(run_dir_make(path), -ENOTDIR);
	assert_int_equal(run_dir_path(&dir, "control.sock", small,
			     sizeof(small)),
	    -ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_and_pid_file),
		cmocka_unit_test(test_state_lock),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
