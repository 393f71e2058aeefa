/* SPDX-License-Identifier: ISC */
/*
 * Columns of clients (see ctl_columns.h).
 */
#include "supervisor/ctl/ctl_columns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/suggest.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/ctl_text.h"

static void
show_text(const json_t *row, const char *name, struct ctl_table *table)
{
	ctl_table_cell(table, json_string_value(json_object_get(row, name)));
}

static void
show_count(const json_t *row, const char *name, struct ctl_table *table)
{
	const json_t *value = json_object_get(row, name);

	if (json_is_integer(value))
		ctl_table_cellf(table, "%lld",
		    (long long)json_integer_value(value));
	else
		ctl_table_cell(table, NULL);
}

static void
show_bool(const json_t *row, const char *name, struct ctl_table *table)
{
	ctl_table_cell(table,
	    json_is_true(json_object_get(row, name)) ? "yes" : "no");
}

static void
show_slot(const json_t *row, const char *name, struct ctl_table *table)
{
	char label[16];

	(void)name;
	ctl_table_cell(table, ctl_slot_label(row, label));
}

static void
show_address(const json_t *row, const char *name, struct ctl_table *table)
{
	const char *address = ctl_text(row, name);
	json_int_t port = ctl_int(row, "port");

	/* No port: the address is what a proxy told. */
	if (port == 0)
		ctl_table_cell(table, address);
	else
		ctl_table_cellf(table,
		    strchr(address, ':') == NULL ? "%s:%lld" : "[%s]:%lld",
		    address, (long long)port);
}

/* The value as a whole number that is not negative; false: none. */
static bool
get_number(const json_t *row, const char *name, uint64_t *out)
{
	const json_t *value = json_object_get(row, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static void
show_ms(const json_t *row, const char *name, struct ctl_table *table)
{
	char text[CTL_NUMBER_SIZE];
	uint64_t ms;

	if (get_number(row, name, &ms))
		ctl_text_duration(ms, text);
	ctl_table_cell(table, get_number(row, name, &ms) ? text : NULL);
}

static void
show_us(const json_t *row, const char *name, struct ctl_table *table)
{
	char text[CTL_NUMBER_SIZE];
	uint64_t us;

	if (get_number(row, name, &us))
		ctl_text_us(us, text);
	ctl_table_cell(table, get_number(row, name, &us) ? text : NULL);
}

static void
show_bytes(const json_t *row, const char *name, struct ctl_table *table)
{
	char text[CTL_NUMBER_SIZE];
	uint64_t bytes;

	if (get_number(row, name, &bytes))
		ctl_text_bytes(bytes, text);
	ctl_table_cell(table, get_number(row, name, &bytes) ? text : NULL);
}

static const struct ctl_column all[] = {
	{ "client_id", "CLIENT", CTL_LEFT, show_text },
	{ "state", "STATE", CTL_LEFT, show_text },
	{ "slot", "SLOT", CTL_LEFT, show_slot },
	{ "record", "RECORD", CTL_RIGHT, show_count },
	{ "address", "ADDRESS", CTL_LEFT, show_address },
	{ "listener", "LISTENER", CTL_LEFT, show_text },
	{ "established_at", "SINCE", CTL_LEFT, show_text },
	{ "idle_ms", "IDLE", CTL_RIGHT, show_ms },
	{ "ping_latency_us", "PING", CTL_RIGHT, show_us },
	{ "messages_in", "IN", CTL_RIGHT, show_count },
	{ "messages_out", "OUT", CTL_RIGHT, show_count },
	{ "bytes_in", "BYTES-IN", CTL_RIGHT, show_bytes },
	{ "bytes_out", "BYTES-OUT", CTL_RIGHT, show_bytes },
	{ "queued", "QUEUED", CTL_RIGHT, show_bytes },
	{ "compressed", "COMPRESSED", CTL_LEFT, show_bool },
	{ "uuid", "UUID", CTL_LEFT, show_text },
};

#define ALL_COUNT (sizeof(all) / sizeof(all[0]))

const struct ctl_column *
ctl_columns_all(size_t index)
{
	return index < ALL_COUNT ? &all[index] : NULL;
}

static int
add(const char *name, size_t len, struct ctl_columns *out,
    struct textbuf *error)
{
	struct suggest suggest;
	char word[32];
	size_t i;

	snprintf(word, sizeof(word), "%.*s",
	    len < sizeof(word) ? (int)len : (int)sizeof(word) - 1, name);
	suggest_init(&suggest, word);
	for (i = 0; i < ALL_COUNT; i++) {
		if (strcmp(all[i].name, word) == 0)
			break;
		suggest_offer(&suggest, all[i].name);
	}
	if (i == ALL_COUNT) {
		textbuf_printf(error, "no such column: %s", word);
		if (suggest.best != NULL)
			textbuf_printf(error, "; did you mean '%s'?",
			    suggest.best);
		return -EINVAL;
	}
	if (out->count == CTL_TABLE_MAX_COLUMNS) {
		textbuf_puts(error, "too many columns");
		return -EINVAL;
	}
	out->list[out->count++] = &all[i];
	return 0;
}

int
ctl_columns_parse(const char *text, struct ctl_columns *out,
    struct textbuf *error)
{
	struct ctl_columns columns = { .count = 0 };

	for (;;) {
		size_t len = strcspn(text, ",");
		int rc = add(text, len, &columns, error);

		if (rc != 0)
			return rc;
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	*out = columns;
	return 0;
}

void
ctl_columns_fill(const struct ctl_columns *columns, const json_t *rows,
    struct ctl_table *table)
{
	size_t at, i;

	for (i = 0; i < columns->count; i++)
		ctl_table_column(table, columns->list[i]->title,
		    columns->list[i]->align);
	for (at = 0; at < json_array_size(rows); at++) {
		const json_t *row = json_array_get(rows, at);

		for (i = 0; i < columns->count; i++)
			columns->list[i]->show(row, columns->list[i]->name,
			    table);
	}
}
