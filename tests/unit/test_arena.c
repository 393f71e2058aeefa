/* SPDX-License-Identifier: ISC */
/*
 * The arena's allocator against a shadow model: blocks never overlap and keep
 * their contents, everything given back is everything there was, and an
 * allocator rebuilt from the live blocks goes on like the one that died.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "proto/arena.h"

#define MIB (1024u * 1024)

struct block {
	uint32_t ref;
	uint32_t cap;
	uint32_t mark; /* what it is filled with */
};

static uint64_t rng_state;

static uint32_t
rng(void)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng_state >> 33);
}

static uint64_t
file_pages(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static int
make_file(uint64_t bytes)
{
	int fd = -1;

	assert_int_equal(fd_memfd_create("arena", bytes, &fd), 0);
	return fd;
}

static void
fill(struct arena *a, const struct block *b)
{
	uint32_t *p = arena_at(a, b->ref);

	for (uint32_t i = 0; i < b->cap / 4; i += i < 16 ? 1 : 97)
		p[i] = b->mark + i;
}

static void
check(const struct arena *a, const struct block *b)
{
	const uint32_t *p = arena_at(a, b->ref);

	for (uint32_t i = 0; i < b->cap / 4; i += i < 16 ? 1 : 97)
		assert_int_equal(p[i], b->mark + i);
}

static uint32_t
random_size(void)
{
	uint32_t n = rng() % 100;

	if (n < 60)
		return 1 + rng() % 512;
	if (n < 90)
		return 1 + rng() % 32768;
	return 1 + rng() % (4 * ARENA_CHUNK);
}

static struct arena *
rebuild(struct arena *old, int fd, const struct block *live, uint32_t count)
{
	uint64_t used = arena_used(old);
	struct arena *a;

	arena_free(old);
	a = arena_new(fd, 16 * MIB, 12 * MIB);
	assert_non_null(a);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(arena_mark(a, live[i].ref, live[i].cap), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(arena_mark(a, live[i].ref, live[i].cap),
		    -EINVAL);
	arena_trim(a);
	assert_int_equal(arena_used(a), used);
	assert_int_equal(file_pages(fd), used);
	return a;
}

static void
alloc_one(struct arena *a, struct block *b)
{
	uint32_t bytes = random_size();

	assert_int_equal(arena_alloc(a, bytes, &b->ref, &b->cap), 0);
	assert_true(b->cap >= bytes);
	assert_true(bytes < 33 || b->cap <= 2 * bytes || b->cap < 128 ||
	    b->cap % ARENA_CHUNK == 0);
	b->mark = rng();
	fill(a, b);
}

static void
test_random(void **state)
{
	enum { MAX = 700 };
	static struct block live[MAX];
	int fd = make_file(16 * MIB);
	struct arena *a = arena_new(fd, 16 * MIB, 12 * MIB);
	uint32_t count = 0;

	(void)state;
	rng_state = 1;
	assert_non_null(a);
	for (uint32_t turn = 0; turn < 60000; turn++) {
		uint32_t goal = turn / 10000 % 2 ? 50 : 400;

		if (count < MAX && (rng() % (2 * goal) >= count)) {
			if (arena_used(a) > 11 * MIB)
				continue;
			alloc_one(a, &live[count++]);
		} else if (count > 0) {
			uint32_t i = rng() % count;

			check(a, &live[i]);
			arena_release(a, live[i].ref, live[i].cap);
			live[i] = live[--count];
		}
		if (turn % 5000 == 4999)
			a = rebuild(a, fd, live, count);
	}
	while (count > 0) {
		check(a, &live[--count]);
		arena_release(a, live[count].ref, live[count].cap);
	}
	assert_int_equal(arena_used(a), 0);
	assert_true(file_pages(fd) <= 8 * ARENA_CHUNK);
	arena_trim(a);
	assert_int_equal(file_pages(fd), 0);
	arena_free(a);
	close(fd);
}

static void
test_limit(void **state)
{
	int fd = make_file(4 * MIB);
	struct arena *a = arena_new(fd, 4 * MIB, 2 * ARENA_CHUNK);
	uint32_t ref[3], cap[3];

	(void)state;
	assert_non_null(a);
	assert_int_equal(arena_alloc(a, 40000, &ref[0], &cap[0]), 0);
	assert_int_equal(cap[0], ARENA_CHUNK);
	assert_int_equal(arena_alloc(a, 1, &ref[1], &cap[1]), 0);
	assert_int_equal(cap[1], 64);
	/* the small chunk has room, a new class has not */
	assert_int_equal(arena_alloc(a, 64, &ref[2], &cap[2]), 0);
	assert_int_equal(arena_alloc(a, 65, &ref[2], &cap[2]), -ENOMEM);
	/* a kept free chunk does not stand in the way */
	arena_release(a, ref[0], cap[0]);
	assert_int_equal(arena_alloc(a, 128, &ref[0], &cap[0]), 0);
	arena_set_limit(a, 4 * ARENA_CHUNK);
	assert_int_equal(arena_limit(a), 4 * ARENA_CHUNK);
	assert_int_equal(arena_alloc(a, 2 * ARENA_CHUNK, &ref[2], &cap[2]), 0);
	assert_int_equal(cap[2], 2 * ARENA_CHUNK);
	assert_int_equal(arena_used(a), 4 * ARENA_CHUNK);
	assert_int_equal(arena_alloc(a, 5 * MIB, &ref[1], &cap[1]), -ENOMEM);
	assert_int_equal(arena_alloc(a, UINT32_MAX, &ref[1], &cap[1]), -ENOMEM);
	arena_free(a);
	close(fd);
}

/* Kept pages must give way to a run that needs the room. */
static void
test_kept_pages_within_limit(void **state)
{
	int fd = make_file(4 * MIB);
	struct arena *a = arena_new(fd, 4 * MIB, 8 * ARENA_CHUNK);
	uint32_t ref, cap, refs[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(arena_alloc(a, ARENA_CHUNK, &refs[i], &cap),
		    0);
	for (int i = 0; i < 8; i++)
		arena_release(a, refs[i], ARENA_CHUNK);
	assert_int_equal(file_pages(fd), 8 * ARENA_CHUNK);
	assert_int_equal(arena_used(a), 0);
	assert_int_equal(arena_alloc(a, 8 * ARENA_CHUNK, &ref, &cap), 0);
	assert_int_equal(file_pages(fd), 8 * ARENA_CHUNK);
	arena_free(a);
	close(fd);
}

static void
test_mark_refuses(void **state)
{
	int fd = make_file(4 * MIB);
	struct arena *a = arena_new(fd, 4 * MIB, 4 * MIB);
	uint32_t units = ARENA_CHUNK / ARENA_UNIT;

	(void)state;
	assert_int_equal(arena_mark(a, 0, 64), -EINVAL);
	assert_int_equal(arena_mark(a, 1, 0), -EINVAL);
	assert_int_equal(arena_mark(a, 1, 63), -EINVAL);
	assert_int_equal(arena_mark(a, 1, 96), -EINVAL);
	assert_int_equal(arena_mark(a, 2, 128), -EINVAL);
	assert_int_equal(arena_mark(a, 2, ARENA_CHUNK), -EINVAL);
	assert_int_equal(arena_mark(a, 1, ARENA_CHUNK + 64), -EINVAL);
	assert_int_equal(arena_mark(a, 1, 8 * MIB), -EINVAL);
	assert_int_equal(arena_mark(a, 64 * units + 1, 64), -EINVAL);
	assert_int_equal(arena_mark(a, UINT32_MAX, 64), -EINVAL);
	assert_int_equal(arena_used(a), 0);
	assert_int_equal(arena_mark(a, 1, 256), 0);
	assert_int_equal(arena_mark(a, 9, 128), -EINVAL);
	assert_int_equal(arena_mark(a, 1, ARENA_CHUNK), -EINVAL);
	assert_int_equal(arena_mark(a, units + 1, 2 * ARENA_CHUNK), 0);
	assert_int_equal(arena_mark(a, 2 * units + 1, ARENA_CHUNK), -EINVAL);
	assert_int_equal(arena_mark(a, 2 * units + 1, 64), -EINVAL);
	arena_free(a);
	close(fd);
}

/* Pages that cannot be had are an error return and change nothing. */
static void
test_no_pages(void **state)
{
	int fd = make_file(4 * MIB), readonly;
	char path[64];
	struct arena *a;
	uint32_t ref, cap, other;

	(void)state;
	a = arena_new(fd, 4 * MIB, 4 * MIB);
	assert_int_equal(arena_alloc(a, 64, &ref, &cap), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY);
	assert_true(readonly >= 0);
	assert_int_equal(dup2(readonly, fd), fd);
	assert_int_equal(arena_alloc(a, 1024, &other, &cap), -ENOMEM);
	assert_int_equal(arena_alloc(a, 99999, &other, &cap), -ENOMEM);
	assert_int_equal(arena_used(a), ARENA_CHUNK);
	assert_int_equal(arena_alloc(a, 64, &other, &cap), 0);
	assert_true(other != ref);
	arena_free(a);
	close(readonly);
	close(fd);
}

static void
test_largest_file(void **state)
{
	uint64_t bytes = UINT64_C(4) << 30;
	int fd = make_file(bytes);
	struct arena *a = arena_new(fd, bytes, bytes);
	uint32_t ref, cap, units = ARENA_CHUNK / ARENA_UNIT;

	(void)state;
	assert_non_null(a);
	assert_int_equal(arena_mark(a, 65535 * units + 1 + units - 1, 64), 0);
	memset(arena_at(a, 65535 * units + units), 1, 64);
	assert_int_equal(arena_alloc(a, 64, &ref, &cap), 0);
	assert_int_equal(ref, 65535 * units + 1);
	assert_int_equal(arena_alloc(a, 128, &ref, &cap), 0);
	assert_int_equal(ref, 1);
	arena_free(a);
	assert_null(arena_new(fd, 2 * bytes, bytes));
	assert_null(arena_new(fd, ARENA_CHUNK + 1, bytes));
	assert_null(arena_new(fd, 0, bytes));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_kept_pages_within_limit),
		cmocka_unit_test(test_mark_refuses),
		cmocka_unit_test(test_no_pages),
		cmocka_unit_test(test_largest_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
