/* SPDX-License-Identifier: ISC */
/*
 * The limit of a control group, in a tree of files made for the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "supervisor/memory_limit.h"

static char root[64];

static void
put(const char *folder, const char *file, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s%s", root, folder);
	for (char *p = path + strlen(root) + 1; *folder != '\0'; p++) {
		char kept = *p;

		if (kept != '/' && kept != '\0')
			continue;
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = kept;
		if (kept == '\0')
			break;
	}
	(void)snprintf(path, sizeof(path), "%s%s/%s", root, folder, file);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static uint64_t
limit(const char *groups)
{
	char path[128];

	put("", "cgroup", groups);
	(void)snprintf(path, sizeof(path), "%s/cgroup", root);
	return memory_limit(path, root);
}

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/holdfast-limit-XXXXXX");
	return mkdtemp(root) == NULL;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command); /* NOLINT(cert-env33-c): a name of our own */
}

static void
test_version_2(void **state)
{
	(void)state;
	put("/a/b", "memory.max", "max\n");
	assert_true(limit("0::/a/b\n") == MEMORY_UNLIMITED);
	put("/a", "memory.max", "5000\n");
	assert_int_equal(limit("0::/a/b\n"), 5000);
	put("/a/b", "memory.max", "9000\n");
	assert_int_equal(limit("0::/a/b\n"), 5000);
	put("/a/b", "memory.max", "4000\n");
	assert_int_equal(limit("0::/a/b\n"), 4000);
	/* a namespace of its own: the group is the root */
	put("", "memory.max", "3000\n");
	assert_int_equal(limit("0::/\n"), 3000);
}

static void
test_version_1(void **state)
{
	(void)state;
	put("/memory/x", "memory.limit_in_bytes", "9223372036854771712\n");
	assert_true(limit("3:cpu:/x\n2:memory:/x\n0::/\n") == MEMORY_UNLIMITED);
	put("/memory", "memory.limit_in_bytes", "7000\n");
	assert_int_equal(limit("3:cpu:/x\n2:hugetlb,memory:/x\n0::/\n"), 7000);
	put("/memory/x", "memory.limit_in_bytes", "6000\n");
	assert_int_equal(limit("2:memory:/x\n"), 6000);
	/* as a container sees it, whose path is that of the host */
	assert_int_equal(limit("2:memory:/far/away\n"), 7000);
}

static void
test_nonsense(void **state)
{
	(void)state;
	assert_true(limit("") == MEMORY_UNLIMITED);
	assert_true(limit("nothing\n1\n::\n0:\n") == MEMORY_UNLIMITED);
	put("", "memory.max", "-\n");
	assert_true(limit("0::/\n") == MEMORY_UNLIMITED);
	assert_true(memory_limit("/nonexistent", root) == MEMORY_UNLIMITED);
}

static void
test_arena(void **state)
{
	(void)state;
	assert_true(memory_limit_arena(MEMORY_UNLIMITED) == MEMORY_UNLIMITED);
	assert_int_equal(memory_limit_arena(256u << 20), 128u << 20);
	assert_int_equal(memory_limit_arena(1), 16u << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_version_2, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_version_1, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
