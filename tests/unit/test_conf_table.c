/* SPDX-License-Identifier: ISC */
/*
 * The config table over a small table of its own: defaults, loading with every
 * kind of mistake, printing, comparing, sending as pairs.
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

#include "lib/cidr.h"
#include "lib/conf_file.h"
#include "lib/conf_table.h"

struct item {
	char address[64];
	uint16_t port;
	bool proxy;
};

struct settings {
	struct {
		char id[32];
		uint32_t workers;
		bool pin;
		uint64_t capacity;
		int32_t nice;
	} node;
	struct {
		uint64_t max_message;
		uint32_t ping_ms;
		double fraction;
		int mode;
		struct cidr_list trusted;
		char origins[128];
		char url[128];
	} web;
	uint32_t debug;
	uint32_t listen_count;
	struct item listen[3];
};

static const char *const modes[] = { "none", "echo", "stream", NULL };

#define GATEWAY 1u
#define RELAY	2u
#define BOTH	(GATEWAY | RELAY)

static const struct conf_key keys[] = {
	{ "node.id", CONF_STRING, CONF_RESTART, BOTH, CONF_OPTIONAL,
	    CONF_AT(struct settings, node.id), "", 0, 20, NULL, "name" },
	{ "node.workers", CONF_COUNT, CONF_RESTART, 0, 0,
	    CONF_AT(struct settings, node.workers), "0", 0, 256, NULL, "n" },
	{ "node.pin_cpus", CONF_BOOL, CONF_RECYCLE, GATEWAY, 0,
	    CONF_AT(struct settings, node.pin), "true", 0, 0, NULL, "pin" },
	{ "node.capacity", CONF_COUNT, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, node.capacity), "100000", 1, 10000000000,
	    NULL, "connections" },
	{ "node.nice", CONF_INT, CONF_RECYCLE, GATEWAY, 0,
	    CONF_AT(struct settings, node.nice), "-5", -20, 19, NULL, "n" },
	{ "websocket.max_message", CONF_SIZE, CONF_NEW_CONNECTIONS, GATEWAY, 0,
	    CONF_AT(struct settings, web.max_message), "1MiB", 125, 1 << 24,
	    NULL, "bytes" },
	{ "websocket.ping_interval", CONF_DURATION, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.ping_ms), "15s", 1000, 3600000, NULL,
	    "interval" },
	{ "websocket.fraction", CONF_DOUBLE, CONF_LIVE, RELAY, 0,
	    CONF_AT(struct settings, web.fraction), "0.01", 0, 1, NULL, "f" },
	{ "websocket.mode", CONF_ENUM, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.mode), "none", 0, 0, modes, "m" },
	{ "websocket.trusted", CONF_CIDRS, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.trusted), "127.0.0.0/8", 0, 4, NULL,
	    "proxies" },
	{ "websocket.origins", CONF_STRINGS, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.origins), "", 0, 3, NULL, "origins" },
	{ "websocket.url", CONF_STRING, CONF_LIVE, RELAY, CONF_SECRET,
	    CONF_AT(struct settings, web.url), "", 0, 0, NULL, "url" },
	{ "debug", CONF_COUNT, CONF_LIVE, BOTH, 0,
	    CONF_AT(struct settings, debug), "0", 0, 0, NULL, "level" },
};

static const struct conf_key item_keys[] = {
	{ "address", CONF_ADDRESS, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct item, address), "127.0.0.1", 0, 0, NULL, "a" },
	{ "port", CONF_COUNT, CONF_LIVE, GATEWAY, 0, CONF_AT(struct item, port),
	    "8080", 0, 0, NULL, "p" },
	{ "proxy", CONF_BOOL, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct item, proxy), "false", 0, 0, NULL, "p" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct conf_list lists[] = {
	{ "listen", CONF_LIVE, GATEWAY, offsetof(struct settings, listen),
	    sizeof(struct item), offsetof(struct settings, listen_count), 3, 1,
	    item_keys, COUNT(item_keys), "where clients come in" },
};

static const struct conf_table table = { keys, COUNT(keys), lists, COUNT(lists),
	sizeof(struct settings) };

/* Loads text; returns the errors, "" on success. The caller frees. */
static char *
load(const char *text, struct settings *settings)
{
	char error[CONF_FILE_ERROR_SIZE];
	struct conf_tree tree;
	struct textbuf errors;
	char *out;
	size_t len;
	int rc;

	if (conf_file_parse(text, "t.conf", &tree, error) != 0)
		fail_msg("%s", error);
	textbuf_init(&errors, 65536);
	rc = conf_table_load(&table, &tree, settings, &errors);
	assert_int_equal(rc, errors.len == 0 ? 0 : -EINVAL);
	conf_tree_clear(&tree);
	assert_int_equal(textbuf_take(&errors, &out, &len), 0);
	return out;
}

static void
expect_error(const char *text, const char *wanted)
{
	struct settings settings, before;
	char *errors;

	memset(&settings, 0x5a, sizeof(settings));
	before = settings;
	errors = load(text, &settings);
	if (strcmp(errors, wanted) != 0)
		fail_msg("%s\n  gave   %s\n  wanted %s", text, errors, wanted);
	assert_memory_equal(&settings, &before, sizeof(settings));
	free(errors);
}

static void
expect_ok(const char *text, struct settings *settings)
{
	char *errors = load(text, settings);

	assert_string_equal(errors, "");
	free(errors);
}

static void
test_the_table_is_sound(void **state)
{
	char reason[CONF_REASON_SIZE] = "";
	struct conf_table bad = table;
	struct conf_key row = keys[0];

	(void)state;
	if (conf_table_check(&table, reason) != 0)
		fail_msg("%s", reason);
	bad.keys = &row;
	bad.key_count = 1;
	row = keys[1];
	row.default_text = "300";
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
	assert_string_equal(reason,
	    "node.workers has a default that is not a value");
	row = keys[1];
	row.size = 3;
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
	row = keys[1];
	row.offset = sizeof(struct settings);
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
	row = keys[1];
	row.default_text = "";
	assert_int_equal(conf_table_check(&bad, reason), -EINVAL);
}

static void
test_an_empty_file_gives_the_defaults(void **state)
{
	struct settings a, b;

	(void)state;
	memset(&a, 0x11, sizeof(a));
	conf_table_defaults(&table, &a);
	memset(&b, 0x22, sizeof(b));
	expect_ok("", &b);
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
	expect_ok(
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
	expect_ok("listen = ();", &s);
	assert_int_equal(s.listen_count, 0);
	assert_int_equal(s.listen[0].port, 0);
}

static void
test_unknown_keys_are_errors_with_a_hint(void **state)
{
	(void)state;
	expect_error("node = {\n wrokers = 1; };",
	    "t.conf:2: node.wrokers: unknown key, did you mean "
	    "\"node.workers\"?\n");
	expect_error("websokcet = { a = 1; b = { c = 1; }; };",
	    "t.conf:1: websokcet: unknown group, did you mean "
	    "\"websocket\"?\n");
	expect_error("ping_interval = \"1s\";",
	    "t.conf:1: ping_interval: unknown key, did you mean "
	    "\"websocket.ping_interval\"?\n");
	expect_error("zzzzzz = 1;", "t.conf:1: zzzzzz: unknown key\n");
	expect_error("zzzzzz = {};", "t.conf:1: zzzzzz: unknown group\n");
	expect_error("listne = ( 1 );",
	    "t.conf:1: listne: unknown key, "
	    "did you mean \"listen\"?\n");
	expect_error("listen = ( { adress = \"::1\"; } );",
	    "t.conf:1: listen[0].adress: unknown key, did you mean "
	    "\"address\"?\n");
}

static void
test_wrong_forms_are_errors(void **state)
{
	(void)state;
	expect_error("node = 1;",
	    "t.conf:1: node: must be a group "
	    "{ ... }\n");
	expect_error("node = { workers = \"4\"; };",
	    "t.conf:1: node.workers: must be a count, not a string\n");
	expect_error("node = { pin_cpus = 1; };",
	    "t.conf:1: node.pin_cpus: must be a boolean, not a whole "
	    "number\n");
	expect_error("node = { workers = ( 4 ); };",
	    "t.conf:1: node.workers: must be a count, not a list\n");
	expect_error("node = { workers = { a = 4; }; };",
	    "t.conf:1: node.workers: must be a count, not a group\n");
	expect_error("listen = { port = 1; };",
	    "t.conf:1: listen: must be a list ( { ... } )\n");
	expect_error("listen = ( 1 );",
	    "t.conf:1: listen[0]: must be a group { ... }\n");
	expect_error("listen = ( {}, {}, {}, {} );",
	    "t.conf:1: listen: must have at most 3 items\n");
	expect_error("websocket = { origins = ( { a = 1; } ); };",
	    "t.conf:1: websocket.origins[0]: must be a string without a "
	    "comma\n");
	expect_error("websocket = { origins = [ \"a,b\" ]; };",
	    "t.conf:1: websocket.origins[0]: must be a string without a "
	    "comma\n");
}

static void
test_wrong_values_are_errors(void **state)
{
	(void)state;
	expect_error("node = { workers = 257; };",
	    "t.conf:1: node.workers: must be between 0 and 256\n");
	expect_error("node = { workers = -1; };",
	    "t.conf:1: node.workers: must be a whole number\n");
	expect_error("node = { nice = 20; };",
	    "t.conf:1: node.nice: must be between -20 and 19\n");
	expect_error("debug = 4294967296L;",
	    "t.conf:1: debug: must be between 0 and 4294967295\n");
	expect_error("websocket = { ping_interval = 15; };",
	    "t.conf:1: websocket.ping_interval: must be a duration with its "
	    "unit, such as \"15s\" (ms, s, m, h, d)\n");
	expect_error("websocket = { ping_interval = \"2h\"; };",
	    "t.conf:1: websocket.ping_interval: must be between 1s and 1h\n");
	expect_error("websocket = { max_message = \"1MB\"; };",
	    "t.conf:1: websocket.max_message: must be a size, such as "
	    "\"1MiB\" (KiB, MiB, GiB, TiB) or a number of bytes\n");
	expect_error("websocket = { mode = \"loud\"; };",
	    "t.conf:1: websocket.mode: must be one of \"none\", \"echo\", "
	    "\"stream\"\n");
	expect_error("websocket = { trusted = [ \"10.0.0.1/8\" ]; };",
	    "t.conf:1: websocket.trusted: \"10.0.0.1/8\" is not an address "
	    "range such as \"10.0.0.0/8\" (no bits may be set behind the "
	    "prefix)\n");
	expect_error("websocket = { fraction = 1.5; };",
	    "t.conf:1: websocket.fraction: must be between 0 and 1\n");
	expect_error("node = { id = \"123456789012345678901\"; };",
	    "t.conf:1: node.id: must have 0 to 20 bytes\n");
	expect_error("node = { id = \"a\\x07b\"; };",
	    "t.conf:1: node.id: must be printable text\n");
	expect_error("websocket = { url = \"\"; };",
	    "t.conf:1: websocket.url: must not be empty\n");
	expect_error("listen = ( { address = \"localhost\"; } );",
	    "t.conf:1: listen[0].address: must be an IPv4 or IPv6 address, "
	    "such as \"127.0.0.1\" or \"::\"\n");
}

static void
test_all_mistakes_are_told_up_to_a_limit(void **state)
{
	struct textbuf text;
	struct settings s;
	unsigned lines = 0;
	char *errors;
	char *p;
	int i;

	(void)state;
	textbuf_init(&text, 4096);
	for (i = 0; i < 25; i++)
		textbuf_printf(&text, "qqqqqqqqqq%d = 1;\n", i);
	errors = load(textbuf_text(&text), &s);
	for (p = errors; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 21);
	assert_non_null(strstr(errors, "and 5 more\n"));
	free(errors);
	textbuf_clear(&text);
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
	assert_int_equal(conf_table_load(&table, &tree, &s, &errors), 0);
	conf_table_print(&table, &s, &tree, &out);
	assert_int_equal(textbuf_error(&out), 0);
	assert_non_null(strstr(textbuf_text(&out),
	    "    workers = 0;                        # default\n"));
	assert_non_null(strstr(textbuf_text(&out), "# /etc/h.conf:2\n"));
	/* The one value that may be "" only as a default. */
	none = strstr(textbuf_text(&out), "    url = \"\";");
	assert_non_null(none);
	memset(none, ' ', strlen("    url = \"\";"));
	expect_ok(textbuf_text(&out), &again);
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
	expect_ok("websocket = { url = \"redis://:pw@h/0\"; };", &s);
	textbuf_init(&out, 65536);
	conf_table_print(&table, &s, NULL, &out);
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
	expect_ok("", &a);
	expect_ok("node = { workers = 2; }; websocket = { url = \"s\"; };\n"
		  "listen = ( { port = 1; }, {} );",
	    &b);
	assert_int_equal(conf_table_diff(&table, &a, &a, on_change, &changes),
	    0);
	assert_int_equal(conf_table_diff(&table, &a, &b, on_change, &changes),
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
	assert_int_equal(conf_table_diff(&table, &b, &a, on_change, &changes),
	    7);
}

static void
on_pair(const char *name, const char *text, void *arg)
{
	char reason[CONF_REASON_SIZE] = "";

	if (conf_table_set(&table, arg, name, text, reason) != 0)
		fail_msg("%s = %s: %s", name, text, reason);
}

static void
test_pairs_rebuild_the_settings(void **state)
{
	struct settings a, b;

	(void)state;
	expect_ok(
	    "node = { id = \"x\"; capacity = 7; };\n"
	    "websocket = { fraction = 0.123456789; mode = \"echo\";\n"
	    "trusted = []; origins = [\"a\", \"b\", \"c\"]; url = \"u\"; };\n"
	    "listen = ();",
	    &a);
	conf_table_defaults(&table, &b);
	conf_table_each(&table, &a, BOTH, on_pair, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	expect_ok("listen = ({port = 1;}, {port = 2;}, {port = 3;});", &a);
	conf_table_each(&table, &a, BOTH, on_pair, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	/* A program does not get what is not for it. */
	expect_ok("websocket = { url = \"secret\"; };", &a);
	conf_table_defaults(&table, &b);
	conf_table_each(&table, &a, GATEWAY, on_pair, &b);
	assert_string_equal(b.web.url, "");
}

static void
test_single_values_by_name(void **state)
{
	char reason[CONF_REASON_SIZE];
	struct textbuf out;
	struct settings s;

	(void)state;
	conf_table_defaults(&table, &s);
	textbuf_init(&out, 1000);
	assert_int_equal(conf_table_get(&table, &s, "listen[0].port", &out), 0);
	assert_string_equal(textbuf_text(&out), "8080");
	assert_int_equal(conf_table_get(&table, &s, "listen[1].port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&table, &s, "listen[0]port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&table, &s, "listen[99].port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&table, &s, "listen[.port", &out),
	    -ENOENT);
	assert_int_equal(conf_table_get(&table, &s, "listen", &out), -ENOENT);
	assert_int_equal(conf_table_get(&table, &s, "", &out), -ENOENT);
	textbuf_reset(&out);
	assert_int_equal(conf_table_get(&table, &s, "websocket.ping_interval",
			     &out),
	    0);
	assert_string_equal(textbuf_text(&out), "15s");
	assert_int_equal(conf_table_set(&table, &s, "listen[2].port", "1",
			     reason),
	    -ENOENT);
	assert_int_equal(conf_table_set(&table, &s, "listen[]", "4", reason),
	    -EINVAL);
	assert_int_equal(conf_table_set(&table, &s, "listen[]", "3", reason),
	    0);
	assert_int_equal(conf_table_set(&table, &s, "listen[2].port", "1",
			     reason),
	    0);
	assert_int_equal(s.listen[2].port, 1);
	assert_int_equal(conf_table_set(&table, &s, "listen[2].port", "65536",
			     reason),
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
		cmocka_unit_test(test_unknown_keys_are_errors_with_a_hint),
		cmocka_unit_test(test_wrong_forms_are_errors),
		cmocka_unit_test(test_wrong_values_are_errors),
		cmocka_unit_test(test_all_mistakes_are_told_up_to_a_limit),
		cmocka_unit_test(test_print_can_be_read_again),
		cmocka_unit_test(test_secrets_are_not_printed),
		cmocka_unit_test(test_diff_lists_what_changed),
		cmocka_unit_test(test_pairs_rebuild_the_settings),
		cmocka_unit_test(test_single_values_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
