/* SPDX-License-Identifier: ISC */
/*
 * Tables of holdfastctl, the columns of clients, and the views of a node.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/ctl/ctl_columns.h"
#include "supervisor/ctl/ctl_table.h"
#include "supervisor/ctl/ctl_view.h"

static void
assert_table(struct ctl_table *table, const char *expected)
{
	struct textbuf out;

	textbuf_init(&out, 65536);
	assert_int_equal(ctl_table_render(table, &out), 0);
	assert_string_equal(textbuf_text(&out), expected);
	textbuf_clear(&out);
	ctl_table_clear(table);
}

static void
test_columns_are_as_wide_as_needed(void **state)
{
	struct ctl_table table;

	(void)state;
	ctl_table_init(&table);
	ctl_table_column(&table, "NAME", CTL_LEFT);
	ctl_table_column(&table, "N", CTL_RIGHT);
	ctl_table_column(&table, "WHAT", CTL_LEFT);
	ctl_table_cell(&table, "a");
	ctl_table_cellf(&table, "%d", 12345);
	ctl_table_cell(&table, "x");
	ctl_table_cell(&table, "longer\033");
	ctl_table_cell(&table, "7");
	ctl_table_cell(&table, NULL);
	assert_table(&table,
	    "NAME              N  WHAT\n"
	    "a             12345  x\n"
	    "longer\\u001b      7  -\n");
}

static void
test_no_titles_no_rows(void **state)
{
	struct ctl_table table;

	(void)state;
	ctl_table_init(&table);
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_column(&table, NULL, CTL_LEFT);
	assert_table(&table, "");
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_column(&table, NULL, CTL_LEFT);
	ctl_table_cell(&table, "key");
	ctl_table_cell(&table, "value");
	assert_table(&table, "key  value\n");
}

static void
test_too_many_columns(void **state)
{
	struct ctl_table table;
	struct textbuf out;
	int i;

	(void)state;
	ctl_table_init(&table);
	for (i = 0; i <= CTL_TABLE_MAX_COLUMNS; i++)
		ctl_table_column(&table, "X", CTL_LEFT);
	textbuf_init(&out, 4096);
	assert_int_equal(ctl_table_render(&table, &out), -ENOMEM);
	textbuf_clear(&out);
	ctl_table_clear(&table);
}

static void
test_choice_of_columns(void **state)
{
	struct ctl_columns columns = { .count = 99 };
	struct textbuf error;

	(void)state;
	textbuf_init(&error, 4096);
	assert_int_equal(ctl_columns_parse(CTL_COLUMNS_DEFAULT, &columns,
			     &error),
	    0);
	assert_int_equal(columns.count, 8);
	assert_int_equal(ctl_columns_parse("uuid,cleint_id", &columns, &error),
	    -EINVAL);
	assert_non_null(strstr(textbuf_text(&error), "client_id"));
	assert_int_equal(columns.count, 8);
	assert_int_equal(ctl_columns_parse("", &columns, &error), -EINVAL);
	assert_int_equal(ctl_columns_parse("uuid,", &columns, &error), -EINVAL);
	textbuf_clear(&error);
}

/* What holdfastd may leave out, or may say in another way one day. */
static void
test_rows_with_gaps(void **state)
{
	struct ctl_columns columns;
	struct ctl_table table;
	struct textbuf error;
	json_t *rows;

	(void)state;
	textbuf_init(&error, 4096);
	assert_int_equal(ctl_columns_parse("client_id,slot,address,idle_ms,"
					   "ping_latency_us,bytes_in",
			     &columns, &error),
	    0);
	rows = json_pack("[{s:s, s:i, s:s, s:i, s:i, s:n, s:i}, {s:i},"
			 " {s:s, s:i, s:s, s:i}, s]",
	    "client_id", "a", "slot", 1, "address", "::1", "port", 80,
	    "idle_ms", 1500, "ping_latency_us", "bytes_in", 2048, "client_id",
	    7, "client_id", "b", "slot", 64, "address", "10.0.0.1", "port", 0,
	    "no object");
	assert_non_null(rows);
	ctl_table_init(&table);
	ctl_columns_fill(&columns, rows, &table);
	assert_table(&table,
	    "CLIENT  SLOT  ADDRESS   IDLE  PING  BYTES-IN\n"
	    "a       g1    [::1]:80  1.5s     -    2.0KiB\n"
	    "-       -                  -     -         -\n"
	    "b       r     10.0.0.1     -     -         -\n"
	    "-       -                  -     -         -\n");
	json_decref(rows);
	textbuf_clear(&error);
}

static void
test_views_bear_anything(void **state)
{
	json_t *empty = json_object();
	json_t *odd = json_pack("{s:[{}, i, {s:i, s:{s:i, s:i}}]}", "workers",
	    3, "open", -5, "restarts", "killed", 2, "fault", 1);
	struct textbuf out;

	(void)state;
	textbuf_init(&out, 65536);
	assert_int_equal(ctl_view_status(empty, &out), 0);
	assert_non_null(strstr(textbuf_text(&out), "connections"));
	assert_int_equal(ctl_view_workers(empty, &out), 0);
	assert_int_equal(ctl_view_workers(odd, &out), 0);
	assert_non_null(strstr(textbuf_text(&out), "3: 2 killed, 1 fault\n"));
	textbuf_clear(&out);
	json_decref(empty);
	json_decref(odd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_as_wide_as_needed),
		cmocka_unit_test(test_no_titles_no_rows),
		cmocka_unit_test(test_too_many_columns),
		cmocka_unit_test(test_choice_of_columns),
		cmocka_unit_test(test_rows_with_gaps),
		cmocka_unit_test(test_views_bear_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
