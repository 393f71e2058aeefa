/* SPDX-License-Identifier: ISC */
/* Unit tests of the random pool: shape and independence, not quality. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/random.h"

static void
test_bytes_of_all_sizes(void **state)
{
	unsigned char a[600], b[600];
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(a); len++) {
		memset(a, 0x55, sizeof(a));
		random_bytes(a, len);
		if (len < sizeof(a))
			assert_int_equal(a[len], 0x55);
		random_bytes(b, len);
		if (len >= 16)
			assert_memory_not_equal(a, b, len);
	}
}

static void
test_every_bit_changes(void **state)
{
	uint64_t all = UINT64_MAX;
	uint64_t any = 0;
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		uint64_t value = random_u64() ^ random_u32();

		all &= value;
		any |= value;
	}
	assert_true(all == 0);
	assert_true(any == UINT64_MAX);
}

static void
test_below(void **state)
{
	unsigned counts[7] = { 0 };
	unsigned i;

	(void)state;
	assert_int_equal(random_below(0), 0);
	assert_int_equal(random_below(1), 0);
	for (i = 0; i < 7000; i++)
		counts[random_below(7)]++;
	for (i = 0; i < 7; i++)
		assert_in_range(counts[i], 700, 1300);
	for (i = 0; i < 100; i++)
		assert_true(random_below(0x80000001u) <= 0x80000000u);
}

static void
test_jitter(void **state)
{
	uint64_t low = UINT64_MAX, high = 0;
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		uint64_t value = random_jitter(1000, 20);

		assert_in_range(value, 800, 1200);
		low = value < low ? value : low;
		high = value > high ? value : high;
	}
	assert_true(low < 810 && high > 1190);
	assert_int_equal(random_jitter(1000, 0), 1000);
	assert_int_equal(random_jitter(0, 100), 0);
	assert_in_range(random_jitter(1, 100), 0, 2);
	assert_true(random_jitter(UINT64_MAX / 4, 100) <= UINT64_MAX / 2);
}

static void
test_a_child_that_resets_is_on_its_own(void **state)
{
	uint64_t mine, childs = 0;
	int fds[2], status;
	pid_t pid;

	(void)state;
	random_u32(); /* the pool is filled */
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		random_reset();
		mine = random_u64();
		_exit(fd_write_all(fds[1], &mine, sizeof(mine)) != 0);
	}
	mine = random_u64();
	assert_int_equal(read(fds[0], &childs, sizeof(childs)), sizeof(childs));
	assert_true(mine != childs);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_all_sizes),
		cmocka_unit_test(test_every_bit_changes),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_a_child_that_resets_is_on_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
