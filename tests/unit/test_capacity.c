/* SPDX-License-Identifier: ISC */
/*
 * What a node can hold, from the limit of open files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/arena.h"
#include "supervisor/capacity.h"

static void
test_fits(void **state)
{
	struct capacity_input in = { .nofile = 1048576,
		.slots = 4,
		.listeners = 2,
		.wanted = 100000 };
	struct capacity c = capacity_compute(&in);

	(void)state;
	assert_int_equal(c.node, 100000);
	/* Shares are never equal: one slot may come to hold them all. */
	assert_int_equal(c.per_slot, 100000 + CAPACITY_SLOT_SPARE);
}

static void
test_lowered(void **state)
{
	struct capacity_input in = { .nofile = 20000,
		.slots = 2,
		.listeners = 1,
		.wanted = 100000 };
	struct capacity c = capacity_compute(&in);
	struct capacity enough;

	(void)state;
	assert_int_equal(c.per_slot, 20000 - c.reserve + CAPACITY_SLOT_SPARE);
	assert_int_equal(c.node, 2 * (20000 - c.reserve));
	assert_int_equal(c.possible, c.node);
	/* The figure that is told is the one that helps, exactly. */
	in.nofile = c.nofile_needed;
	enough = capacity_compute(&in);
	assert_int_equal(enough.node, 100000);
	in.nofile--;
	assert_true(capacity_compute(&in).node < 100000);
}

static void
test_never_fails(void **state)
{
	static const uint64_t limits[] = { 0, 3, 64, 65, 66, 1024, 4096,
		UINT64_MAX };
	size_t i;
	uint32_t slots;

	(void)state;
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (slots = 1; slots <= 64; slots++) {
			struct capacity_input in = { .nofile = limits[i],
				.slots = slots,
				.listeners = 16,
				.wanted = 10000000 };
			struct capacity c = capacity_compute(&in);

			assert_true(c.node >= 1 && c.node <= in.wanted);
			assert_true(c.per_slot >= 1 &&
			    c.per_slot <= in.wanted + CAPACITY_SLOT_SPARE);
			assert_true((uint64_t)c.per_slot * slots >= c.node);
		}
	}
}

static void
test_arena(void **state)
{
	struct arena_share share = capacity_arena(1ull << 30, 2);

	(void)state;
	assert_int_equal(share.limit, 1ull << 29);
	assert_int_equal(share.file, 1ull << 30);
	share = capacity_arena(1000000, 3);
	assert_int_equal(share.limit % ARENA_CHUNK, 0);
	assert_int_equal(share.file % ARENA_CHUNK, 0);
	assert_true(share.limit * 3 <= 1000000);
	assert_true(share.limit <= share.file);
	share = capacity_arena(1, 64);
	assert_int_equal(share.limit, ARENA_CHUNK);
	assert_int_equal(share.file, ARENA_CHUNK);
	share = capacity_arena(1ull << 40, 1);
	assert_int_equal(share.file, 4ull << 30);
	assert_true(share.limit <= share.file);
}

static void
test_ip_entries(void **state)
{
	uint32_t n;

	(void)state;
	for (n = 1; n < 2000000; n = n * 3 + 1) {
		uint32_t entries = capacity_ip_entries(n);

		assert_int_equal(entries & (entries - 1), 0);
		assert_true(entries / 2 >= n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_lowered),
		cmocka_unit_test(test_never_fails),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_ip_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
