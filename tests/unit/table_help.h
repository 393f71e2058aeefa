/* SPDX-License-Identifier: ISC */
/*
 * What the tests of a slot's table share: making one, and connections that
 * come and go the way a tenant lets them.
 */
#ifndef HOLDFAST_UNIT_TABLE_HELP_H
#define HOLDFAST_UNIT_TABLE_HELP_H

#include "proto/table.h"

extern const uint8_t table_help_key[32];

/* A fresh table, adopted; the memfd. */
int make_table(struct table *t, uint32_t capacity);
void drop_table(struct table *t, int fd);
/* What a tenant's death and its successor do to the private state. */
void adopt_again(struct table *t, int fd);
uint64_t file_pages(int fd);

/* Ids of all lengths; n % 4 == 3 makes one that does not fit the record. */
size_t make_id(uint32_t n, char out[RECORD_ID_MAX + 1]);

/* A body with that id; established_us tells which of several is newest. */
void write_open(struct table *t, uint32_t rec, const char *id, uint64_t since);
void write_free(struct table *t, uint32_t rec);
/* A connection from its record to its index entry, and back. */
uint32_t open_one(struct table *t, const char *id, uint64_t since);
void close_one(struct table *t, uint32_t rec);

void assert_found(const struct table *t, const char *id, uint32_t rec);
void assert_absent(const struct table *t, const char *id);

#endif
