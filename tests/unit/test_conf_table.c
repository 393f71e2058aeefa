/* SPDX-License-Identifier: ISC */
/*
 * The config table: soundness, defaults, printing, comparing, sending as pairs.
 * Mistakes in a file are in test_conf_load.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_file.h"
#include "lib/conf_table.h"
#include "tests/unit/conf_fixture.h"

static void
test_the_table_is_sound(void **state)
{
	char reason[CONF_REASON_SIZE] = "";
	struct conf_table bad = conf_fixture_table;
	struct conf_key row = conf_fixture_table.keys[0];

	(void)state;
	if (conf_table_check(&conf_fixture_table, reason) != 0)
		fail_msg("%s", reason);
	bad.keys = &row;
	bad.key_count = 1;
	row = conf_fixture_table.keys[1];
	row.default_text = "300";
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
	assert_string_equal(reason,
	    "node.workers has a default that is not a value");
	row = conf_fixture_table.keys[1];
	row.size = 3;
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
	row = conf_fixture_table.keys[1];
	row.offset = sizeof(struct settings);
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
	row = conf_fixture_table.keys[1];
	row.default_text = "";
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
}

static void
test_an_empty_file_gives_the_defaults(void **state)
{
	struct settings a, b;

	(void)state;
	memset(&a, 0x11, sizeof(a));
	conf_table_defaults(&conf_fixture_table, &a);
	memset(&b, 0x22, sizeof(b));
	conf_fixture_expect_ok("", &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(a.node.pin);
	assert_int_equal(a.node.capacity, 100000);
	assert_int_equal(a.node.nice, -5);
	assert_int_equal(a.web.max_message, 1 << 20);
	assert_int_equal(a.web.ping_ms, 15000);
	assert_true(a.web.fraction == 0.01);
	assert_int_equal(a.web.trusted.count, 1);
	assert_int_equal(a.listen_count, 1);
	assert_string_equal(a.listen[0].address, "127.0.0.1");
	assert_int_equal(a.listen[0].port, 8080);
}

static void
test_a_file_overrides_the_defaults(void **state)
{
	const char *cursor;
	const char *item;
	struct settings s;
	size_t len;

	(void)state;
	conf_fixture_expect_ok(
	    "debug = 3;\n"
	    "node = { id = \"n-1\"; workers = 4; pin_cpus = false;\n"
	    "  capacity = 5000000000L; nice = -20; };\n"
	    "websocket: { max_message = 512; ping_interval = \"2m\";\n"
	    "  fraction = 1; mode = \"stream\";\n"
	    "  trusted = [ \"10.0.0.0/8\", \"fd00::/8\" ];\n"
	    "  origins = ( \"https://a.example\", \"https://b.example\" ); };\n"
	    "listen = ( { port = 1; }, { address = \"::\"; port = 2; } );\n",
	    &s);
	assert_int_equal(s.debug, 3);
	assert_string_equal(s.node.id, "n-1");
	assert_false(s.node.pin);
	assert_true(s.node.capacity == 5000000000u);
	assert_int_equal(s.node.nice, -20);
	assert_int_equal(s.web.max_message, 512);
	assert_int_equal(s.web.ping_ms, 120000);
	assert_true(s.web.fraction == 1);
	assert_int_equal(s.web.mode, 2);
	assert_int_equal(s.web.trusted.count, 2);
	assert_int_equal(s.listen_count, 2);
	assert_string_equal(s.listen[0].address, "127.0.0.1");
	assert_int_equal(s.listen[1].port, 2);
	cursor = s.web.origins;
	item = conf_item_next(&cursor, &len);
	assert_int_equal(len, 17);
	assert_memory_equal(item, "https://a.example", 17);
	item = conf_item_next(&cursor, &len);
	assert_memory_equal(item, "https://b.example", 17);
	assert_null(conf_item_next(&cursor, &len));
	conf_fixture_expect_ok("listen = ();", &s);
	assert_int_equal(s.listen_count, 0);
	assert_int_equal(s.listen[0].port, 0);
}

static void
test_print_can_be_read_again(void **state)
{
	char error[CONF_FILE_ERROR_SIZE];
	struct settings s, again;
	struct conf_tree tree;
	struct textbuf out, errors;
	char *none;

	(void)state;
	assert_int_equal(
	    conf_file_parse(
		"node = {\n id = \"q\\\"\\\\x\";\n"
		"capacity = 5000000000L; };\n"
		"websocket = { origins = [\"a\", \"b\"]; trusted = (); };\n"
		"listen = ( {}, { port = 9; } );",
		"/etc/h.conf", &tree, error),
	    0);
	textbuf_init(&errors, 4096);
	textbuf_init(&out, 65536);
	assert_int_equal(conf_table_load(&conf_fixture_table, &tree, &s,
			     &errors),
	    0);
	conf_table_print(&conf_fixture_table, &s, &tree, &out);
	assert_int_equal(textbuf_error(&out), 0);
	assert_non_null(strstr(textbuf_text(&out),
	    "    workers = 0;                        # default\n"));
	assert_non_null(strstr(textbuf_text(&out), "# /etc/h.conf:2\n"));
	/* The one value that may be "" only as a default. */
	none = strstr(textbuf_text(&out), "    url = \"\";");
	assert_non_null(none);
	memset(none, ' ', strlen("    url = \"\";"));
	conf_fixture_expect_ok(textbuf_text(&out), &again);
	assert_memory_equal(&s, &again, sizeof(s));
	textbuf_clear(&out);
	textbuf_clear(&errors);
	conf_tree_clear(&tree);
}

static void
test_secrets_are_not_printed(void **state)
{
	struct settings s;
	struct textbuf out;

	(void)state;
	conf_fixture_expect_ok("websocket = { url = \"redis://:pw@h/0\"; };",
	    &s);
	textbuf_init(&out, 65536);
	conf_table_print(&conf_fixture_table, &s, NULL, &out);
	assert_null(strstr(textbuf_text(&out), "pw@"));
	assert_non_null(strstr(textbuf_text(&out), "url = \"***\";"));
	textbuf_clear(&out);
}

struct changes {
	char text[1024];
	size_t len;
};

static void
on_change(const struct conf_change *change, void *arg)
{
	struct changes *changes = arg;

	changes->len += (size_t)snprintf(changes->text + changes->len,
	    sizeof(changes->text) - changes->len, "%s:%s>%s:%s\n", change->name,
	    change->old_text, change->new_text,
	    conf_reload_name(change->reload));
}

static void
test_diff_lists_what_changed(void **state)
{
	struct changes changes = { "", 0 };
	struct settings a, b;

	(void)state;
	conf_fixture_expect_ok("", &a);
	conf_fixture_expect_ok(
	    "node = { workers = 2; }; websocket = { url = \"s\"; };\n"
	    "listen = ( { port = 1; }, {} );",
	    &b);
	assert_int_equal(conf_table_diff(&conf_fixture_table, &a, &a, on_change,
			     &changes),
	    0);
	assert_int_equal(conf_table_diff(&conf_fixture_table, &a, &b, on_change,
			     &changes),
	    7);
	assert_string_equal(changes.text,
	    "node.workers:0>2:restart\n"
	    "websocket.url:>***:live\n"
	    "listen[]:1>2:live\n"
	    "listen[0].port:8080>1:live\n"
	    "listen[1].address:>127.0.0.1:live\n"
	    "listen[1].port:>8080:live\n"
	    "listen[1].proxy:>false:live\n");
	/* The other way round, the items go. */
	changes.len = 0;
	assert_int_equal(conf_table_diff(&conf_fixture_table, &b, &a, on_change,
			     &changes),
	    7);
}

static void
on_pair(const char *name, const char *text, void *arg)
{
	char reason[CONF_REASON_SIZE] = "";

	if (conf_table_set(&conf_fixture_table, arg, name, text, reason) != 0)
		fail_msg("%s = %s: %s", name, text, reason);
}

static void
test_pairs_rebuild_the_settings(void **state)
{
	struct settings a, b;

	(void)state;
	conf_fixture_expect_ok(
	    "node = { id = \"x\"; capacity = 7; };\n"
	    "websocket = { fraction = 0.123456789; mode = \"echo\";\n"
	    "trusted = []; origins = [\"a\", \"b\", \"c\"]; url = \"u\"; };\n"
	    "listen = ();",
	    &a);
	conf_table_defaults(&conf_fixture_table, &b);
	conf_table_each(&conf_fixture_table, &a, BOTH, on_pair, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	conf_fixture_expect_ok(
	    "listen = ({port = 1;}, {port = 2;}, {port = 3;});", &a);
	conf_table_each(&conf_fixture_table, &a, BOTH, on_pair, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	/* A program does not get what is not for it. */
	conf_fixture_expect_ok("websocket = { url = \"secret\"; };", &a);
	conf_table_defaults(&conf_fixture_table, &b);
	conf_table_each(&conf_fixture_table, &a, GATEWAY, on_pair, &b);
	assert_string_equal(b.web.url, "");
}

static void
test_single_values_by_name(void **state)
{
	char reason[CONF_REASON_SIZE];
	struct textbuf out;
	struct settings s;

	(void)state;
	conf_table_defaults(&conf_fixture_table, &s);
	textbuf_init(&out, 1000);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s,
			     "listen[0].port", &out),
	    0);
	assert_string_equal(textbuf_text(&out), "8080");
	assert_int_equal(conf_table_get(&conf_fixture_table, &s,
			     "listen[1].port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s,
			     "listen[0]port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s,
			     "listen[99].port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s, "listen[.port",
			     &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s, "listen",
			     &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s, "", &out),
	    -ENOENT);
	textbuf_reset(&out);
	assert_int_equal(conf_table_get(&conf_fixture_table, &s,
			     "websocket.ping_interval", &out),
	    0);
	assert_string_equal(textbuf_text(&out), "15s");
	assert_int_equal(conf_table_set(&conf_fixture_table, &s,
			     "listen[2].port", "1", reason),
	    -ENOENT);
	assert_int_equal(conf_table_set(&conf_fixture_table, &s, "listen[]",
			     "4", reason),
	    -EINVAL);
	assert_int_equal(conf_table_set(&conf_fixture_table, &s, "listen[]",
			     "3", reason),
	    0);
	assert_int_equal(conf_table_set(&conf_fixture_table, &s,
			     "listen[2].port", "1", reason),
	    0);
	assert_int_equal(s.listen[2].port, 1);
	assert_int_equal(conf_table_set(&conf_fixture_table, &s,
			     "listen[2].port", "65536", reason),
	    -EINVAL);
	assert_string_equal(reason, "must be between 0 and 65535");
	textbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table_is_sound),
		cmocka_unit_test(test_an_empty_file_gives_the_defaults),
		cmocka_unit_test(test_a_file_overrides_the_defaults),
		cmocka_unit_test(test_print_can_be_read_again),
		cmocka_unit_test(test_secrets_are_not_printed),
		cmocka_unit_test(test_diff_lists_what_changed),
		cmocka_unit_test(test_pairs_rebuild_the_settings),
		cmocka_unit_test(test_single_values_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
