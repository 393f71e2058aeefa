/* SPDX-License-Identifier: ISC */
/* Unit tests of config files as flat trees, and of what libconfig misreads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf_file.h"
#include "lib/conf_scan.h"

static char folder[] = "/tmp/holdfast-test-conf-XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *
write_file(const char *name, const char *text)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	FILE *file;

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void
expect_node(const struct conf_tree *tree, const char *path,
    enum conf_node_type type, const char *text, unsigned line)
{
	const struct conf_node *node = conf_tree_find(tree, path);

	if (node == NULL) {
		fail_msg("no %s", path);
		return;
	}
	assert_int_equal(node->type, type);
	assert_string_equal(node->text, text);
	assert_int_equal(node->line, line);
}

static void
test_tree(void **state)
{
	char error[CONF_FILE_ERROR_SIZE];
	struct conf_tree tree;

	(void)state;
	assert_int_equal(conf_file_parse("a = { b = 1; c = 0.25;\n"
					 "d = true; };\n"
					 "l = ( { x = \"s\"; }, 5L );\n"
					 "e = [ -7 ]; n = {}; h = 0xff;",
			     "t", &tree, error),
	    0);
	expect_node(&tree, "a", CONF_NODE_GROUP, "", 1);
	expect_node(&tree, "a.b", CONF_NODE_INT, "1", 1);
	expect_node(&tree, "a.c", CONF_NODE_FLOAT, "0.25", 1);
	expect_node(&tree, "a.d", CONF_NODE_BOOL, "true", 2);
	expect_node(&tree, "l", CONF_NODE_LIST, "", 3);
	expect_node(&tree, "l[0]", CONF_NODE_GROUP, "", 3);
	expect_node(&tree, "l[0].x", CONF_NODE_STRING, "s", 3);
	expect_node(&tree, "l[1]", CONF_NODE_INT, "5", 3);
	expect_node(&tree, "e[0]", CONF_NODE_INT, "-7", 4);
	expect_node(&tree, "n", CONF_NODE_GROUP, "", 4);
	expect_node(&tree, "h", CONF_NODE_INT, "255", 4);
	assert_null(conf_tree_find(&tree, "zz"));
	assert_string_equal(tree.nodes[0].file, "t");
	conf_tree_clear(&tree);
	assert_int_equal(tree.count, 0);
}

static void
expect_error(const char *text, int rc, const char *wanted)
{
	char error[CONF_FILE_ERROR_SIZE] = "";
	struct conf_tree tree;

	assert_int_equal(conf_file_parse(text, "t", &tree, error), rc);
	assert_string_equal(error, wanted);
	assert_int_equal(tree.count, 0);
	assert_null(tree.nodes);
}

static void
test_errors(void **state)
{
	char *big = malloc(CONF_FILE_MAX_BYTES + 2);

	(void)state;
	expect_error("a = 1;\nb = ;", -EINVAL, "t:2: syntax error");
	expect_error("a = 1;\na = 2;", -EINVAL, "t:2: duplicate setting name");
	expect_error("\n@include \"/etc/passwd\"", -EINVAL,
	    "t:2: cannot open include file");
	expect_error("a={a={a={a={a={a={a={};};};};};};};", -EINVAL,
	    "t:1: nested too deeply");
	expect_error("a = 1;\nb = 5000000000;", -EINVAL,
	    "t:2: number is too big (from 2^31 on it needs an L behind it)");
	assert_non_null(big);
	memset(big, ' ', CONF_FILE_MAX_BYTES + 1);
	big[CONF_FILE_MAX_BYTES + 1] = '\0';
	expect_error(big, -EFBIG, "t: File too large");
	free(big);
}

static void
test_a_name_that_is_too_long(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'n', sizeof(text));
	memcpy(text + 300, " = 1;", 6);
	expect_error(text, -EINVAL, "t:1: name is too long");
}

static void
test_files_and_includes(void **state)
{
	char error[CONF_FILE_ERROR_SIZE] = "";
	char wanted[CONF_FILE_ERROR_SIZE];
	const char *path, *more;
	struct conf_tree tree;

	(void)state;
	more = write_file("more.conf", "\nb = { c = 2; };");
	path = write_file("main.conf", "a = 1;\n@include \"more.conf\"\n");
	assert_int_equal(conf_file_load(path, &tree, error), 0);
	expect_node(&tree, "a", CONF_NODE_INT, "1", 1);
	expect_node(&tree, "b.c", CONF_NODE_INT, "2", 2);
	assert_string_equal(tree.nodes[0].file, path);
	assert_string_equal(conf_tree_find(&tree, "b.c")->file, "more.conf");
	conf_tree_clear(&tree);
	/* Mistakes in an included file carry its name. */
	write_file("more.conf", "b = {\n c = 3000000000; };");
	assert_int_equal(conf_file_load(path, &tree, error), -EINVAL);
	assert_string_equal(error,
	    "more.conf:2: number is too big (from "
	    "2^31 on it needs an L behind it)");
	write_file("more.conf", "b = {\n");
	assert_int_equal(conf_file_load(path, &tree, error), -EINVAL);
	unlink(more);
	unlink(path);
	assert_int_equal(conf_file_load(path, &tree, error), -ENOENT);
	snprintf(wanted, sizeof(wanted), "%s: No such file or directory", path);
	assert_string_equal(error, wanted);
}

static void
test_what_is_not_a_file(void **state)
{
	char error[CONF_FILE_ERROR_SIZE] = "";
	struct conf_tree tree;
	const char *path;

	(void)state;
	assert_int_equal(conf_file_load("/dev/null", &tree, error), -EINVAL);
	assert_string_equal(error, "/dev/null: not a regular file");
	assert_int_equal(conf_file_load("/tmp", &tree, error), -EINVAL);
	/* A FIFO must not be waited for. */
	path = write_file("fifo", "");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(conf_file_load(path, &tree, error), -EINVAL);
	unlink(path);
	path = write_file("big.conf", "");
	assert_int_equal(truncate(path, CONF_FILE_MAX_BYTES + 1), 0);
	assert_int_equal(conf_file_load(path, &tree, error), -EFBIG);
	unlink(path);
}

static void
test_scan(void **state)
{
	(void)state;
	assert_int_equal(conf_scan_big_number(""), 0);
	assert_int_equal(conf_scan_big_number("a = 2147483647;"), 0);
	assert_int_equal(conf_scan_big_number("a = 2147483648;"), 1);
	assert_int_equal(conf_scan_big_number("a = -2147483648;"), 0);
	assert_int_equal(conf_scan_big_number("a = -2147483649;"), 1);
	assert_int_equal(conf_scan_big_number("a = 0x7fffffff;"), 0);
	assert_int_equal(conf_scan_big_number("\n\na = 0x80000000;"), 3);
	assert_int_equal(conf_scan_big_number("a = 9223372036854775807L"), 0);
	assert_int_equal(conf_scan_big_number("a = 9223372036854775808L"), 1);
	assert_int_equal(conf_scan_big_number("a = 99999999999999999999L"), 1);
	/* Not whole numbers. */
	assert_int_equal(conf_scan_big_number("a = 99999999999.5;"), 0);
	assert_int_equal(conf_scan_big_number("a = 99999999999e3;"), 0);
	assert_int_equal(conf_scan_big_number("a = \"99999999999\";"), 0);
	assert_int_equal(conf_scan_big_number("a = \"\\\"99999999999"), 0);
	assert_int_equal(conf_scan_big_number("# 99999999999"), 0);
	assert_int_equal(conf_scan_big_number("// 99999999999\na"), 0);
	assert_int_equal(conf_scan_big_number("/* 99999999999 */"), 0);
	assert_int_equal(conf_scan_big_number("/* 99999999999"), 0);
	assert_int_equal(conf_scan_big_number("key-99999999999 = 1"), 0);
	assert_int_equal(conf_scan_big_number("/* */ 99999999999"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_a_name_that_is_too_long),
		cmocka_unit_test(test_files_and_includes),
		cmocka_unit_test(test_what_is_not_a_file),
		cmocka_unit_test(test_scan),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
