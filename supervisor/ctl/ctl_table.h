/* SPDX-License-Identifier: ISC */
/*
 * Lays out a table: columns as wide as their widest cell, two blanks between.
 * Cells are escaped when they are added.  Pure but for malloc; a table that
 * found no memory renders nothing and says so.
 */
#ifndef HOLDFAST_CTL_CTL_TABLE_H
#define HOLDFAST_CTL_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/textbuf.h"

#define CTL_TABLE_MAX_COLUMNS 24

enum ctl_align { CTL_LEFT, CTL_RIGHT };

struct ctl_table {
	struct {
		const char *title; /* borrowed; NULL: no line of titles */
		enum ctl_align align;
		size_t width;
	} column[CTL_TABLE_MAX_COLUMNS];
	size_t columns;
	char **cells; /* owned, with the texts; row after row */
	size_t count;
	size_t cap;
	int error;
};

void ctl_table_init(struct ctl_table *table);
void ctl_table_clear(struct ctl_table *table);

/* All columns come before the first cell. */
void ctl_table_column(struct ctl_table *table, const char *title,
    enum ctl_align align);

/* The next cell of the row; NULL stands for "-". */
void ctl_table_cell(struct ctl_table *table, const char *text);
void ctl_table_cellf(struct ctl_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends all rows.  0 or -ENOMEM. */
int ctl_table_render(const struct ctl_table *table, struct textbuf *out)
    __attribute__((warn_unused_result));

#endif
