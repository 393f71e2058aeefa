/* SPDX-License-Identifier: ISC */
/*
 * Inside of lib/conf_table.c and lib/conf_load.c: where an entry's value is in
 * the settings, and the walk over all entries.
 */
#ifndef HOLDFAST_LIB_CONF_ENTRY_H
#define HOLDFAST_LIB_CONF_ENTRY_H

#include "lib/conf_table.h"

typedef void conf_entry_cb(const struct conf_entry *entry, void *arg);

/* The struct that the entry's key counts its offset from. */
void *conf_entry_base(const struct conf_entry *entry, void *settings);
const void *conf_entry_const_base(const struct conf_entry *entry,
    const void *settings);

uint32_t conf_list_count(const struct conf_list *list, const void *settings);

/* Also clears items beyond the count and gives new ones their defaults. */
void conf_list_set_count(const struct conf_list *list, void *settings,
    uint32_t count);

/* Keys in the table's order, then each list: its count and its items' keys. */
void conf_entry_walk(const struct conf_table *table, const void *settings,
    conf_entry_cb *on_entry, void *arg);

#endif
