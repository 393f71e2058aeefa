/* SPDX-License-Identifier: ISC */
/*
 * The line of a peer port: there and back, whole or in pieces, and nothing
 * that is not quite such a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "proto/peer_line.h"

static void
test_there_and_back(void **state)
{
	struct peer_line line = { 0xabc, 1234, "ready", "node-1", "main" };
	struct peer_line back;
	char text[PEER_LINE_MAX];
	size_t len = peer_line_format(&line, text), i;

	(void)state;
	assert_string_equal(text,
	    "holdfast-peer 1 0000000000000abc 1234 ready node-1 main\n");
	for (i = 0; i < len; i++)
		assert_int_equal(peer_line_parse(text, i, &back), -EAGAIN);
	assert_int_equal(peer_line_parse(text, len, &back), 0);
	assert_int_equal(back.incarnation, 0xabc);
	assert_int_equal(back.redis_age_ms, 1234);
	assert_string_equal(back.state, "ready");
	assert_string_equal(back.node, "node-1");
	assert_string_equal(back.fleet, "main");
	line.redis_age_ms = UINT64_MAX;
	len = peer_line_format(&line, text);
	assert_int_equal(peer_line_parse(text, len, &back), 0);
	assert_true(back.redis_age_ms == UINT64_MAX);
}

/* Of a node that does not tell its fleet, and of one that tells more. */
static void
test_other_versions(void **state)
{
	static const char old[] =
	    "holdfast-peer 1 0000000000000abc 1234 ready node-1\n";
	static const char later[] =
	    "holdfast-peer 1 0000000000000abc - ready node-1 main more  to\n";
	struct peer_line line;
	char text[PEER_LINE_MAX];

	(void)state;
	assert_int_equal(peer_line_parse(old, strlen(old), &line), 0);
	assert_string_equal(line.node, "node-1");
	assert_string_equal(line.fleet, "");
	assert_int_equal(peer_line_format(&line, text), strlen(old));
	assert_string_equal(text, old);
	assert_true(peer_line_is_of(&line, "node-1", "main"));
	assert_false(peer_line_is_of(&line, "node-2", "main"));

	assert_int_equal(peer_line_parse(later, strlen(later), &line), 0);
	assert_string_equal(line.node, "node-1");
	assert_string_equal(line.fleet, "main");
	assert_true(peer_line_is_of(&line, "node-1", "main"));
	assert_false(peer_line_is_of(&line, "node-1", "other"));
	assert_false(peer_line_is_of(&line, "node", "main"));
}

static void
test_longest(void **state)
{
	struct peer_line line = { UINT64_MAX, UINT64_MAX - 1, "", "", "" };
	struct peer_line back;
	char text[PEER_LINE_MAX];
	size_t len;

	(void)state;
	memset(line.state, 's', sizeof(line.state) - 1);
	memset(line.node, 'n', sizeof(line.node) - 1);
	memset(line.fleet, 'f', sizeof(line.fleet) - 1);
	len = peer_line_format(&line, text);
	assert_int_equal(text[len - 1], '\n');
	assert_int_equal(peer_line_parse(text, len, &back), 0);
	assert_memory_equal(back.node, line.node, sizeof(line.node));
	assert_memory_equal(back.fleet, line.fleet, sizeof(line.fleet));
}

static void
test_nonsense(void **state)
{
	static const char *const bad[] = {
		"\n", "HTTP/1.1 200 OK\n",
		"holdfast-peer 2 0000000000000abc 1 ready n\n",
		"holdfast-peer 1 abc 1 ready n\n",
		"holdfast-peer 1 0000000000000ABC 1 ready n\n",
		"holdfast-peer 1 0000000000000abc0 1 ready n\n",
		"holdfast-peer 1 0000000000000abc -1 ready n\n",
		"holdfast-peer 1 0000000000000abc 1 ready\n",
		"holdfast-peer 1 0000000000000abc 1 ready \n",
		"holdfast-peer 1 0000000000000abc 1 ready n \n",
		"holdfast-peer 1 0000000000000abc 1 ready n  f\n",
		"holdfast-peer 1 0000000000000abc 1 ready  n f\n",
		"holdfast-peer 1 0000000000000abc  ready n\n",
		"holdfast-peer 1 0000000000000abc 1 averyveryverylongstate n\n"
	};
	static const char zero[] =
	    "holdfast-peer 1 0000000000000abc 1 r\0y n\n";
	struct peer_line back = { .incarnation = 7 };
	char text[2 * PEER_LINE_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(peer_line_parse(bad[i], strlen(bad[i]), &back),
		    -EPROTO);
	assert_int_equal(peer_line_parse(zero, sizeof(zero) - 1, &back),
	    -EPROTO);
	/* No end in sight. */
	memset(text, 'a', sizeof(text));
	assert_int_equal(peer_line_parse(text, PEER_LINE_MAX - 1, &back),
	    -EPROTO);
	text[sizeof(text) - 1] = '\n';
	assert_int_equal(peer_line_parse(text, sizeof(text), &back), -EPROTO);
	assert_int_equal(back.incarnation, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
