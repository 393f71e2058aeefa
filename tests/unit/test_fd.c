/* SPDX-License-Identifier: ISC */
/* Unit tests of the fd helpers, on real fds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"

static void
test_flags(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_cloexec(fds[0], true), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(fds[0], false), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), 0);
	assert_int_equal(fd_set_nonblock(fds[0], true), 0);
	assert_true((fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(fd_set_nonblock(fds[0], false), 0);
	assert_true((fcntl(fds[0], F_GETFL) & O_NONBLOCK) == 0);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fd_set_cloexec(-1, true), -EBADF);
	assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
}

static void
test_close_keeps_errno(void **state)
{
	int fd = -1;

	(void)state;
	errno = ENOSPC;
	fd_close(&fd);
	fd = 1000000;
	fd_close(&fd);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fd, -1);
}

static void
test_memfd_is_sealed(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(fd_memfd_create("t", 8192, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_END), 8192);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 16384), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), -1);
	fd_close(&fd);
}

static void
test_pidfd(void **state)
{
	pid_t pid = fork();
	int status, fd;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(fd_pidfd_open(pid, &fd), 0);
	assert_int_equal(fd_pidfd_signal(fd, 0), 0);
	assert_int_equal(fd_pidfd_signal(fd, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(fd_pidfd_signal(fd, SIGKILL), -ESRCH);
	fd_close(&fd);
	assert_int_equal(fd_pidfd_open(pid, &fd), -ESRCH);
}

static void
test_files(void **state)
{
	char path[] = "/tmp/holdfast-test-fd-XXXXXX";
	int fd = mkstemp(path);
	char buf[16];
	size_t len = 99;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "0123456789abcde", 15), 0);
	fd_close(&fd);
	assert_int_equal(fd_read_file(path, buf, sizeof(buf), &len), 0);
	assert_int_equal(len, 15);
	assert_string_equal(buf, "0123456789abcde");
	assert_int_equal(fd_read_file(path, buf, 15, &len), -EFBIG);
	assert_int_equal(fd_read_file(path, buf, 0, &len), -EINVAL);
	assert_int_equal(fd_write_file(path, "XY"), 0);
	assert_int_equal(fd_read_file(path, buf, sizeof(buf), &len), 0);
	assert_memory_equal(buf, "XY23", 4);
	unlink(path);
	assert_int_equal(fd_read_file(path, buf, sizeof(buf), &len), -ENOENT);
	assert_int_equal(fd_write_file(path, "XY"), -ENOENT);
	assert_int_equal(fd_read_file("/tmp", buf, 9, &len), -EISDIR);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void
test_count_and_limit(void **state)
{
	int before = fd_count_open();
	struct rlimit limit;
	uint64_t raised;
	int fd;

	(void)state;
	assert_true(before >= 3);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_count_open(), before + 1);
	fd_close(&fd);
	assert_int_equal(fd_count_open(), before);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(fd_raise_nofile(&raised), 0);
	assert_true(raised == limit.rlim_max);
}

static void
test_same(void **state)
{
	int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int b = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int copy = dup(a);

	(void)state;
	assert_true(fd_is_same(a, a));
	assert_true(fd_is_same(a, copy));
	assert_false(fd_is_same(a, b));
	fd_close(&copy);
	assert_false(fd_is_same(a, -1));
	fd_close(&a);
	fd_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_close_keeps_errno),
		cmocka_unit_test(test_memfd_is_sealed),
		cmocka_unit_test(test_pidfd),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_count_and_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
