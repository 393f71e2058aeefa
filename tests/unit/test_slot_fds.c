/* SPDX-License-Identifier: ISC */
/*
 * The fd directory of a slot: entering, replacing, taking out, and what a
 * process that dies between two stores leaves behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/slot_fds.h"

static int
setup(void **state)
{
	*state = calloc(1, sizeof(struct slot_header));
	return *state == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	free(*state);
	return 0;
}

static int
some_fd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool
survives_exec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

static void
test_put_and_find(void **state)
{
	struct slot_header *slot = *state;
	int a = some_fd(), b = some_fd(), old = 99;

	assert_int_equal(slot_fds_find(slot, SLOT_FD_LISTENER, 0), -1);
	assert_int_equal(slot_fds_put(slot, SLOT_FD_LISTENER, 0, a, &old), 0);
	assert_int_equal(old, -1);
	assert_int_equal(slot_fds_put(slot, SLOT_FD_LISTENER, 1, b, &old), 0);
	assert_int_equal(old, -1);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_LISTENER, 0), a);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_LISTENER, 1), b);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_ARENA, 0), -1);
	assert_true(survives_exec(a));
	assert_true(survives_exec(b));
	(void)close(a);
	(void)close(b);
}

static void
test_replace_and_remove(void **state)
{
	struct slot_header *slot = *state;
	int a = some_fd(), b = some_fd(), old = 99;

	assert_int_equal(slot_fds_put(slot, SLOT_FD_SETTINGS, 0, a, &old), 0);
	assert_int_equal(slot_fds_put(slot, SLOT_FD_SETTINGS, 0, b, &old), 0);
	assert_int_equal(old, a);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_SETTINGS, 0), b);
	assert_int_equal(slot_fds_remove(slot, SLOT_FD_SETTINGS, 0), b);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_SETTINGS, 0), -1);
	assert_int_equal(slot_fds_remove(slot, SLOT_FD_SETTINGS, 0), -1);
	(void)close(a);
	(void)close(b);
}

static void
test_bad_fd(void **state)
{
	struct slot_header *slot = *state;
	int fd = some_fd(), old = 99;

	(void)close(fd);
	assert_int_equal(slot_fds_put(slot, SLOT_FD_ARENA, 0, fd, &old),
	    -EBADF);
	assert_int_equal(old, 99);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_ARENA, 0), -1);
}

static void
test_full(void **state)
{
	struct slot_header *slot = *state;
	int fd = some_fd(), more = some_fd(), old = 99;

	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		assert_int_equal(slot_fds_put(slot, SLOT_FD_TABLE, i, fd, &old),
		    0);
	old = 99;
	assert_int_equal(slot_fds_put(slot, SLOT_FD_ARENA, 0, more, &old),
	    -ENOSPC);
	assert_int_equal(old, 99);
	assert_false(survives_exec(more)); /* it stays the caller's */
	/* one may still be replaced, and one out is one in */
	assert_int_equal(slot_fds_put(slot, SLOT_FD_TABLE, 3, more, &old), 0);
	assert_int_equal(old, fd);
	assert_int_equal(slot_fds_remove(slot, SLOT_FD_TABLE, 7), fd);
	assert_int_equal(slot_fds_put(slot, SLOT_FD_ARENA, 0, more, &old), 0);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_ARENA, 0), more);
	(void)close(fd);
	(void)close(more);
}

/* Index and fd are stored before the kind, which makes the entry. */
static void
test_half_written(void **state)
{
	struct slot_header *slot = *state;
	int fd = some_fd(), old = 99;

	slot->fds[0].index = 4;
	slot->fds[0].fd = 1234;
	assert_int_equal(slot_fds_find(slot, SLOT_FD_LISTENER, 4), -1);
	assert_int_equal(slot_fds_put(slot, SLOT_FD_LISTENER, 4, fd, &old), 0);
	assert_int_equal(old, -1);
	assert_int_equal(slot_fds_find(slot, SLOT_FD_LISTENER, 4), fd);
	(void)close(fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_put_and_find),
		CASE(test_replace_and_remove),
		CASE(test_bad_fd),
		CASE(test_full),
		CASE(test_half_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
