/* SPDX-License-Identifier: ISC */
/*
 * The columns of a list of clients: which there are, how each is shown, and
 * the choice that --columns makes.  Pure.
 */
#ifndef HOLDFAST_CTL_CTL_COLUMNS_H
#define HOLDFAST_CTL_CTL_COLUMNS_H

#include <stddef.h>

#include <jansson.h>

#include "supervisor/ctl/ctl_table.h"

struct ctl_column {
	const char *name; /* of the member */
	const char *title;
	enum ctl_align align;
	void (*show)(const json_t *row, const char *name,
	    struct ctl_table *table); /* one cell */
};

#define CTL_COLUMNS_DEFAULT                                                    \
	"client_id,state,slot,address,idle_ms,ping_latency_us,messages_in,"    \
	"messages_out"

struct ctl_columns {
	const struct ctl_column *list[CTL_TABLE_MAX_COLUMNS];
	size_t count;
};

/* "a,b,c"; -EINVAL with a line in error. */
int ctl_columns_parse(const char *text, struct ctl_columns *out,
    struct textbuf *error) __attribute__((warn_unused_result));

/* Titles, then a row for each object of the array. */
void ctl_columns_fill(const struct ctl_columns *columns, const json_t *rows,
    struct ctl_table *table);

/* All there are, in order, until NULL. */
const struct ctl_column *ctl_columns_all(size_t index);

#endif
