/* SPDX-License-Identifier: ISC */
/*
 * Columns and cells (see ctl_table.h).
 */
#include "supervisor/ctl/ctl_table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/ctl/ctl_text.h"

#define GAP	      2
#define CELL_MAX_SIZE (64u * 1024)

void
ctl_table_init(struct ctl_table *table)
{
	memset(table, 0, sizeof(*table));
}

void
ctl_table_clear(struct ctl_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	ctl_table_init(table);
}

void
ctl_table_column(struct ctl_table *table, const char *title,
    enum ctl_align align)
{
	if (table->columns == CTL_TABLE_MAX_COLUMNS) {
		table->error = -ENOMEM;
		return;
	}
	table->column[table->columns].title = title;
	table->column[table->columns].align = align;
	table->column[table->columns].width = title == NULL ?
	    0 :
	    ctl_text_width(title);
	table->columns++;
}

static int
grow(struct ctl_table *table)
{
	size_t cap = table->cap == 0 ? 64 : table->cap * 2;
	char **cells;

	if (table->count < table->cap)
		return 0;
	cells = reallocarray(table->cells, cap, sizeof(*cells));
	if (cells == NULL)
		return -ENOMEM;
	table->cells = cells;
	table->cap = cap;
	return 0;
}

void
ctl_table_cell(struct ctl_table *table, const char *text)
{
	size_t column, width, len;
	struct textbuf clean;
	char *cell;

	if (table->error != 0 || table->columns == 0)
		return;
	column = table->count % table->columns;
	textbuf_init(&clean, CELL_MAX_SIZE);
	/* Also when empty, so that there is always something to take. */
	ctl_text_cell(&clean, text == NULL ? "-" : text);
	table->error = textbuf_take(&clean, &cell, &len);
	if (table->error != 0)
		return;
	if (grow(table) != 0) {
		free(cell);
		table->error = -ENOMEM;
		return;
	}
	table->cells[table->count++] = cell;
	width = ctl_text_width(cell);
	if (width > table->column[column].width)
		table->column[column].width = width;
}

void
ctl_table_cellf(struct ctl_table *table, const char *format, ...)
{
	struct textbuf text;
	va_list args;

	textbuf_init(&text, CELL_MAX_SIZE);
	va_start(args, format);
	textbuf_vprintf(&text, format, args);
	va_end(args);
	ctl_table_cell(table, textbuf_text(&text));
	textbuf_clear(&text);
}

static void
pad(struct textbuf *out, size_t count)
{
	while (count-- > 0)
		textbuf_putc(out, ' ');
}

static void
put_cell(const struct ctl_table *table, size_t column, const char *text,
    struct textbuf *out)
{
	size_t width = table->column[column].width;
	size_t fill = width - ctl_text_width(text);
	bool is_last = column + 1 == table->columns;

	if (table->column[column].align == CTL_RIGHT)
		pad(out, fill);
	textbuf_puts(out, text);
	/* Nothing behind the last one: lines end where they end. */
	if (is_last)
		textbuf_putc(out, '\n');
	else
		pad(out,
		    GAP + (table->column[column].align == CTL_LEFT ? fill : 0));
}

int
ctl_table_render(const struct ctl_table *table, struct textbuf *out)
{
	size_t i;

	if (table->error != 0 || table->columns == 0)
		return table->error;
	if (table->column[0].title != NULL) {
		for (i = 0; i < table->columns; i++)
			put_cell(table, i, table->column[i].title, out);
	}
	for (i = 0; i < table->count; i++)
		put_cell(table, i % table->columns, table->cells[i], out);
	return textbuf_error(out);
}
