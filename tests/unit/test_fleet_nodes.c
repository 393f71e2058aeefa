/* SPDX-License-Identifier: ISC */
/*
 * The nodes of a fleet as the API tells of them: this one as it is now, the
 * others as published, and lists that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/textbuf.h"
#include "worker/relay/fleet_nodes.h"

#define LIST                                                                   \
	"[{\"id\":\"a\",\"state\":\"healthy\",\"count\":6,\"limit\":9,"        \
	"\"capacity\":50,\"peer\":\"10.0.0.4 8083\",\"region\":\"x\","         \
	"\"incarnation\":\"00000000000000aa\",\"secret\":1},"                  \
	"{\"id\":\"b\",\"state\":\"draining\",\"count\":1,\"limit\":3,"        \
	"\"capacity\":40,\"incarnation\":\"00000000000000bb\"},"               \
	"{\"id\":\"c\",\"state\":\"dead\",\"count\":90}]"

static struct fleet_nodes_own
own(void)
{
	return (struct fleet_nodes_own){ .id = "b",
		.region = "y",
		.connections = 2,
		.open = 1,
		.limit = 5,
		.slots = 4,
		.incarnation = 255 };
}

static json_t *
all(const char *text)
{
	struct fleet_nodes_own node = own();

	return fleet_nodes_all(&node, text, strlen(text), 700);
}

static void
assert_text(const json_t *row, const char *key, const char *wanted)
{
	assert_string_equal(json_string_value(json_object_get(row, key)),
	    wanted);
}

static void
assert_number(const json_t *row, const char *key, double wanted)
{
	double number = json_number_value(json_object_get(row, key));

	assert_true(number > wanted - 1e-9 && number < wanted + 1e-9);
}

static void
test_all(void **state)
{
	json_t *rows = all(LIST);
	const json_t *row;

	(void)state;
	assert_int_equal(json_array_size(rows), 3);
	row = json_array_get(rows, 0);
	assert_text(row, "node_id", "a");
	assert_text(row, "state", "healthy");
	assert_text(row, "peer", "10.0.0.4 8083");
	assert_text(row, "region", "x");
	assert_text(row, "incarnation", "00000000000000aa");
	assert_number(row, "connections", 6);
	assert_number(row, "limit", 9);
	assert_number(row, "capacity", 50);
	assert_number(row, "share", 0.75);
	assert_number(row, "age_ms", 700);
	assert_null(json_object_get(row, "secret"));
	/* Ours, of now; it drains no more. */
	row = json_array_get(rows, 1);
	assert_text(row, "node_id", "b");
	assert_text(row, "state", "healthy");
	assert_text(row, "region", "y");
	assert_text(row, "incarnation", "00000000000000ff");
	assert_number(row, "connections", 2);
	assert_number(row, "open", 1);
	assert_number(row, "limit", 5);
	assert_number(row, "capacity", 40);
	assert_number(row, "share", 0.25);
	assert_number(row, "slots", 4);
	assert_number(row, "age_ms", 0);
	/* What a dead node had is no part of the fleet's. */
	row = json_array_get(rows, 2);
	assert_text(row, "state", "dead");
	assert_number(row, "share", 0);
	json_decref(rows);
}

static void
test_own_state(void **state)
{
	static const char *const pairs[][3] = {
		/* as published, as it is when not draining, and when it is */
		{ "healthy", "healthy", "draining" },
		{ "draining", "healthy", "draining" },
		{ "joining", "joining", "draining" },
		{ "suspect", "suspect", "draining" },
	};
	struct fleet_nodes_own node = own();
	char text[64];
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		(void)snprintf(text, sizeof(text),
		    "[{\"id\":\"b\",\"state\":\"%s\"}]", pairs[i][0]);
		for (k = 0; k < 2; k++) {
			json_t *rows;

			node.is_draining = k == 1;
			rows = fleet_nodes_all(&node, text, strlen(text), 0);
			assert_text(json_array_get(rows, 0), "state",
			    pairs[i][1 + k]);
			json_decref(rows);
		}
	}
}

static void
test_not_listed_yet(void **state)
{
	json_t *rows = all("[{\"id\":\"a\",\"count\":-5,\"peer\":9},{}]");

	(void)state;
	assert_int_equal(json_array_size(rows), 2);
	assert_number(json_array_get(rows, 0), "connections", 0);
	assert_text(json_array_get(rows, 0), "peer", "");
	assert_text(json_array_get(rows, 1), "node_id", "b");
	assert_text(json_array_get(rows, 1), "state", "joining");
	assert_number(json_array_get(rows, 1), "share", 1);
	json_decref(rows);
}

static void
test_no_list(void **state)
{
	static const char *const bad[] = { "", "{}", "[", "null", "7",
		"[{\"id\":\"a\",\"id\":\"b\"}]" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(all(bad[i]));
}

static void
test_no_more_than_so_many(void **state)
{
	struct textbuf text;
	size_t i;

	(void)state;
	textbuf_init(&text, 64u * 1024);
	for (i = 0; i <= FLEET_NODES_MAX; i++)
		textbuf_puts(&text, i == 0 ? "[{}" : ",{}");
	textbuf_putc(&text, ']');
	assert_null(all(textbuf_text(&text)));
	textbuf_clear(&text);
}

static void
test_alone(void **state)
{
	struct fleet_nodes_own node = own();
	json_t *rows = fleet_nodes_alone(&node);

	(void)state;
	assert_int_equal(json_array_size(rows), 1);
	assert_text(json_array_get(rows, 0), "state", "ready");
	assert_number(json_array_get(rows, 0), "capacity", 5);
	assert_number(json_array_get(rows, 0), "share", 1);
	json_decref(rows);
	node.is_draining = true;
	node.connections = 0;
	rows = fleet_nodes_alone(&node);
	assert_text(json_array_get(rows, 0), "state", "draining");
	assert_number(json_array_get(rows, 0), "share", 0);
	json_decref(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_own_state),
		cmocka_unit_test(test_not_listed_yet),
		cmocka_unit_test(test_no_list),
		cmocka_unit_test(test_no_more_than_so_many),
		cmocka_unit_test(test_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
