/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of the log's targets: files and their reopening, a full disk, a
 * stuck and a closed pipe, the rate limit, priorities for the journal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"

static char folder[] = "/tmp/holdfast-test-log-XXXXXX";
static char path[64];
static char moved[64];

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(moved, sizeof(moved), "%s/log.1", folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_close();
	unlink(path);
	unlink(moved);
	return rmdir(folder);
}

static void
open_file_log(uint32_t per_kind)
{
	struct log_options options = log_options_default();

	options.target = LOG_TARGET_FILE;
	options.path = path;
	options.label = "test";
	options.per_kind = per_kind;
	unlink(path);
	assert_int_equal(log_open(&options), 0);
}

static unsigned
count(const char *file, const char *needle)
{
	static char text[65536];
	unsigned n = 0;
	size_t len;
	char *p;

	assert_int_equal(fd_read_file(file, text, sizeof(text), &len), 0);
	for (p = text; (p = strstr(p, needle)) != NULL; p++)
		n++;
	return n;
}

static void
test_file_and_reopen(void **state)
{
	int fd;

	(void)state;
	open_file_log(0);
	fd = log_fd();
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	log_info("one", "first", log_int("n", 1));
	log_debug("hidden", NULL);
	assert_int_equal(rename(path, moved), 0);
	log_info("two", NULL);
	assert_int_equal(log_reopen(), 0);
	assert_int_equal(log_fd(), fd);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	log_info("three", NULL);
	assert_int_equal(count(moved, "\n"), 2);
	assert_int_equal(count(moved, "proc=test"), 2);
	assert_int_equal(count(path, "event=three\n"), 1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown", NULL);
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("hidden", NULL);
	assert_int_equal(count(path, "\n"), 2);
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	log_close();
	assert_int_equal(log_fd(), -1);
}

static void
test_a_failed_open_keeps_the_old_target(void **state)
{
	struct log_options options = log_options_default();

	(void)state;
	open_file_log(0);
	options.target = LOG_TARGET_FILE;
	assert_int_equal(log_open(&options), -EINVAL);
	options.path = "/nonexistent/x";
	assert_int_equal(log_open(&options), -ENOENT);
	log_info("still", NULL);
	assert_int_equal(count(path, "still"), 1);
	/* The folder goes away between rotation and reopening. */
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(log_reopen(), -EISDIR);
	log_info("still", NULL);
	assert_int_equal(count(moved, "still"), 2);
	assert_int_equal(rmdir(path), 0);
	log_close();
}

static void
test_errno_survives(void **state)
{
	(void)state;
	open_file_log(0);
	errno = ENOSPC;
	log_info("x", NULL);
	assert_int_equal(errno, ENOSPC);
	log_close();
}

static void
test_a_full_disk_drops_and_counts(void **state)
{
	struct log_options options = log_options_default();
	uint64_t before = log_dropped();

	(void)state;
	options.target = LOG_TARGET_FILE;
	options.path = "/dev/full";
	assert_int_equal(log_open(&options), 0);
	log_error("lost", NULL);
	log_error("lost", NULL);
	assert_int_equal(log_dropped(), before + 2);
	log_close();
}

/* A child with its stderr on fd; returns how many of n lines it dropped. */
static int
dropped_in_child(int fd, int n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct log_options options = log_options_default();
		uint64_t before = log_dropped();
		int i;

		dup2(fd, STDERR_FILENO);
		fd_close(&fd);
		signal(SIGPIPE, SIG_DFL);
		options.per_kind = 0;
		if (log_open(&options) != 0)
			_exit(255);
		for (i = 0; i < n; i++)
			log_info("line", "that is longer than it needs to be",
			    log_int("i", i));
		before = log_dropped() - before;
		_exit(before > 200 ? 200 : (int)before);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_a_stuck_reader_does_not_block(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(dropped_in_child(fds[1], 3), 0);
	/* 64 KiB of pipe hold some 500 lines. */
	assert_int_equal(dropped_in_child(fds[1], 2000), 200);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

static void
test_a_closed_reader_does_not_kill(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fd_close(&fds[0]);
	assert_int_equal(dropped_in_child(fds[1], 5), 5);
	fd_close(&fds[1]);
}

/* Begins a fresh second, so that no test straddles two. */
static void
wait_for_a_new_second(void)
{
	uint64_t second = clock_mono_ms() / 1000;

	while (clock_mono_ms() / 1000 == second)
		usleep(1000);
}

static void
test_rate_limit_per_kind(void **state)
{
	int i;

	(void)state;
	open_file_log(5);
	wait_for_a_new_second();
	for (i = 0; i < 100; i++)
		log_info("noisy", NULL, log_int("i", i));
	log_info("quiet", NULL);
	assert_int_equal(count(path, "event=noisy"), 5);
	assert_int_equal(count(path, "event=quiet"), 1);
	/* Not in the same second: it would be limited again at once. */
	log_flush_suppressed();
	assert_int_equal(count(path, "log_suppressed"), 0);
	wait_for_a_new_second();
	log_info("noisy", NULL);
	assert_int_equal(count(path, "event=noisy suppressed=95\n"), 1);
	for (i = 0; i < 10; i++)
		log_info("noisy", NULL);
	wait_for_a_new_second();
	log_flush_suppressed();
	assert_int_equal(count(path,
			     "event=log_suppressed suppressed=6 of=noisy\n"),
	    1);
	log_flush_suppressed();
	assert_int_equal(count(path, "log_suppressed"), 1);
	log_close();
}

static void
test_more_kinds_than_places(void **state)
{
	char kind[32];
	int i;

	(void)state;
	open_file_log(1);
	for (i = 0; i < 300; i++) {
		snprintf(kind, sizeof(kind), "kind_%d", i);
		log_write(LOG_LEVEL_INFO, kind, NULL, NULL);
	}
	assert_int_equal(count(path, "event=kind_"), 300);
	log_close();
}

static void
test_journal_priorities(void **state)
{
	char text[4096];
	char stream[64];
	struct stat st;
	size_t len;
	int saved, fd;

	(void)state;
	saved = dup(STDERR_FILENO);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && saved >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	dup2(fd, STDERR_FILENO);
	{
		struct log_options options = log_options_default();

		assert_int_equal(log_open(&options), 0);
		log_warn("to_the_journal", NULL);
		setenv("JOURNAL_STREAM", "1:1", 1);
		assert_int_equal(log_open(&options), 0);
		log_warn("elsewhere", NULL);
		options.force_priority = true;
		assert_int_equal(log_open(&options), 0);
		log_info("forced", NULL);
	}
	dup2(saved, STDERR_FILENO);
	fd_close(&saved);
	fd_close(&fd);
	unsetenv("JOURNAL_STREAM");
	log_close();
	assert_int_equal(fd_read_file(path, text, sizeof(text), &len), 0);
	assert_memory_equal(text, "<4>level=warn", 13);
	assert_non_null(strstr(text, "\nts="));
	assert_non_null(strstr(text, "\n<6>level=info"));
}

static void
test_fatal_exits_with_1(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	open_file_log(0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Not through cmocka's exit handlers. */
		log_set_level(LOG_LEVEL_ERROR);
		fatal("broken", "cannot go on", log_errno(-EIO));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(count(path,
			     "event=broken msg=\"cannot go on\" "
			     "error=\"Input/output error\""),
	    1);
	log_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_and_reopen),
		cmocka_unit_test(test_a_failed_open_keeps_the_old_target),
		cmocka_unit_test(test_errno_survives),
		cmocka_unit_test(test_a_full_disk_drops_and_counts),
		cmocka_unit_test(test_a_stuck_reader_does_not_block),
		cmocka_unit_test(test_a_closed_reader_does_not_kill),
		cmocka_unit_test(test_rate_limit_per_kind),
		cmocka_unit_test(test_more_kinds_than_places),
		cmocka_unit_test(test_journal_priorities),
		cmocka_unit_test(test_fatal_exits_with_1),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
