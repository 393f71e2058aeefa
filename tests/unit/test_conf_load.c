/* SPDX-License-Identifier: ISC */
/* Mistakes in config files: each is told with file, line, key and a hint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/conf_fixture.h"

static void
test_unknown_keys_are_errors_with_a_hint(void **state)
{
	(void)state;
	conf_fixture_expect_error("node = {\n wrokers = 1; };",
	    "t.conf:2: node.wrokers: unknown key, did you mean "
	    "\"node.workers\"?\n");
	conf_fixture_expect_error("websokcet = { a = 1; b = { c = 1; }; };",
	    "t.conf:1: websokcet: unknown group, did you mean "
	    "\"websocket\"?\n");
	conf_fixture_expect_error("ping_interval = \"1s\";",
	    "t.conf:1: ping_interval: unknown key, did you mean "
	    "\"websocket.ping_interval\"?\n");
	conf_fixture_expect_error("zzzzzz = 1;",
	    "t.conf:1: zzzzzz: unknown key\n");
	conf_fixture_expect_error("zzzzzz = {};",
	    "t.conf:1: zzzzzz: unknown group\n");
	conf_fixture_expect_error("listne = ( 1 );",
	    "t.conf:1: listne: unknown key, "
	    "did you mean \"listen\"?\n");
	conf_fixture_expect_error("listen = ( { adress = \"::1\"; } );",
	    "t.conf:1: listen[0].adress: unknown key, did you mean "
	    "\"address\"?\n");
}

static void
test_wrong_forms_are_errors(void **state)
{
	(void)state;
	conf_fixture_expect_error("node = 1;",
	    "t.conf:1: node: must be a group "
	    "{ ... }\n");
	conf_fixture_expect_error("node = { workers = \"4\"; };",
	    "t.conf:1: node.workers: must be a count, not a string\n");
	conf_fixture_expect_error("node = { pin_cpus = 1; };",
	    "t.conf:1: node.pin_cpus: must be a boolean, not a whole "
	    "number\n");
	conf_fixture_expect_error("node = { workers = ( 4 ); };",
	    "t.conf:1: node.workers: must be a count, not a list\n");
	conf_fixture_expect_error("node = { workers = { a = 4; }; };",
	    "t.conf:1: node.workers: must be a count, not a group\n");
	conf_fixture_expect_error("listen = { port = 1; };",
	    "t.conf:1: listen: must be a list ( { ... } )\n");
	conf_fixture_expect_error("listen = ( 1 );",
	    "t.conf:1: listen[0]: must be a group { ... }\n");
	conf_fixture_expect_error("listen = ( {}, {}, {}, {} );",
	    "t.conf:1: listen: must have at most 3 items\n");
	conf_fixture_expect_error("websocket = { origins = ( { a = 1; } ); };",
	    "t.conf:1: websocket.origins[0]: must be a string without a "
	    "comma\n");
	conf_fixture_expect_error("websocket = { origins = [ \"a,b\" ]; };",
	    "t.conf:1: websocket.origins[0]: must be a string without a "
	    "comma\n");
}

static void
test_wrong_values_are_errors(void **state)
{
	(void)state;
	conf_fixture_expect_error("node = { workers = 257; };",
	    "t.conf:1: node.workers: must be between 0 and 256\n");
	conf_fixture_expect_error("node = { workers = -1; };",
	    "t.conf:1: node.workers: must be a whole number\n");
	conf_fixture_expect_error("node = { nice = 20; };",
	    "t.conf:1: node.nice: must be between -20 and 19\n");
	conf_fixture_expect_error("debug = 4294967296L;",
	    "t.conf:1: debug: must be between 0 and 4294967295\n");
	conf_fixture_expect_error("websocket = { ping_interval = 15; };",
	    "t.conf:1: websocket.ping_interval: must be a duration with its "
	    "unit, such as \"15s\" (ms, s, m, h, d)\n");
	conf_fixture_expect_error("websocket = { ping_interval = \"2h\"; };",
	    "t.conf:1: websocket.ping_interval: must be between 1s and 1h\n");
	conf_fixture_expect_error("websocket = { max_message = \"1MB\"; };",
	    "t.conf:1: websocket.max_message: must be a size, such as "
	    "\"1MiB\" (KiB, MiB, GiB, TiB) or a number of bytes\n");
	conf_fixture_expect_error("websocket = { mode = \"loud\"; };",
	    "t.conf:1: websocket.mode: must be one of \"none\", \"echo\", "
	    "\"stream\"\n");
	conf_fixture_expect_error(
	    "websocket = { trusted = [ \"10.0.0.1/8\" ]; };",
	    "t.conf:1: websocket.trusted: \"10.0.0.1/8\" is not an address "
	    "range such as \"10.0.0.0/8\" (no bits may be set behind the "
	    "prefix)\n");
	conf_fixture_expect_error("websocket = { fraction = 1.5; };",
	    "t.conf:1: websocket.fraction: must be between 0 and 1\n");
	conf_fixture_expect_error("node = { id = \"123456789012345678901\"; };",
	    "t.conf:1: node.id: must have 0 to 20 bytes\n");
	conf_fixture_expect_error("node = { id = \"a\\x07b\"; };",
	    "t.conf:1: node.id: must be printable text\n");
	conf_fixture_expect_error("websocket = { url = \"\"; };",
	    "t.conf:1: websocket.url: must not be empty\n");
	conf_fixture_expect_error("listen = ( { address = \"localhost\"; } );",
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
	errors = conf_fixture_load(textbuf_text(&text), &s);
	for (p = errors; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 21);
	assert_non_null(strstr(errors, "and 5 more\n"));
	free(errors);
	textbuf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_keys_are_errors_with_a_hint),
		cmocka_unit_test(test_wrong_forms_are_errors),
		cmocka_unit_test(test_wrong_values_are_errors),
		cmocka_unit_test(test_all_mistakes_are_told_up_to_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
