/* SPDX-License-Identifier: ISC */
/*
 * The config table: rows of keys (lib/conf_key.h) and of lists of groups, from
 * which everything is done that has to know all keys: defaults, loading with
 * errors by file and line, printing, comparing, and sending values as pairs of
 * (name, text). The concrete table is proto/settings.c. Pure.
 */
#ifndef HOLDFAST_LIB_CONF_TABLE_H
#define HOLDFAST_LIB_CONF_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/conf_key.h"
#include "lib/conf_tree.h"
#include "lib/textbuf.h"

/* The longest full name, such as "listen[15].proxy_protocol_from". */
#define CONF_NAME_SIZE 96

/*
 * A list of groups, listen = ( { address = ..; port = ..; }, .. ): an array of
 * structs and a uint32_t that counts them. Unused items are all zero. Its count
 * has a name, too, for pairs and differences: "listen[]".
 */
struct conf_list {
	const char *name;
	enum conf_reload reload; /* of the count */
	uint32_t programs;
	size_t offset; /* of the array in the settings */
	size_t stride; /* of one item */
	size_t count_offset;
	uint32_t max_count;
	uint32_t default_count;	     /* items there when it is not said */
	const struct conf_key *keys; /* offsets count from the item */
	size_t key_count;
	const char *doc;
};

/* Names are "key" or "group.key"; keys of one group stand together. */
struct conf_table {
	const struct conf_key *keys;
	size_t key_count;
	const struct conf_list *lists;
	size_t list_count;
	size_t settings_size;
};

/* One value of the settings under its full name. */
struct conf_entry {
	char name[CONF_NAME_SIZE];
	const struct conf_key *key;   /* NULL: the count of `list` */
	const struct conf_list *list; /* NULL: a key of the table */
	uint32_t index;		      /* of the item */
};

struct conf_change {
	const char *name;
	const char *old_text; /* "***" for secrets; "" = no item */
	const char *new_text;
	enum conf_reload reload;
};

typedef void conf_pair_cb(const char *name, const char *text, void *arg);
typedef void conf_change_cb(const struct conf_change *change, void *arg);

/*
 * For the unit test of a concrete table: 0 if its rows are sound (names, sizes,
 * limits, defaults that parse), else -EINVAL and the reason.
 */
int conf_table_check(const struct conf_table *table,
    char out_reason[CONF_REASON_SIZE]);

/* Clears all settings_size bytes and fills in the defaults. */
void conf_table_defaults(const struct conf_table *table, void *out_settings);

/*
 * Defaults, then what the tree says. -EINVAL: settings are untouched and errors
 * has one line "file:line: key: what is wrong" per mistake. -ENOMEM.
 */
int conf_table_load(const struct conf_table *table,
    const struct conf_tree *tree, void *out_settings, struct textbuf *errors);

/*
 * Appends the settings in libconfig's form, each value with its origin, a file
 * and line of the tree (may be NULL) or "default", in a comment.
 */
void conf_table_print(const struct conf_table *table, const void *settings,
    const struct conf_tree *tree, struct textbuf *out);

/* Calls on_change for each value that differs; returns how many. */
size_t conf_table_diff(const struct conf_table *table, const void *old,
    const void *new, conf_change_cb *on_change, void *arg);

/*
 * Every value whose programs meet the mask, counts before their items, so that
 * conf_table_set() on defaults rebuilds those parts of the settings.
 */
void conf_table_each(const struct conf_table *table, const void *settings,
    uint32_t programs, conf_pair_cb *on_pair, void *arg);

/* -ENOENT: no such name (an item beyond the count included). */
int conf_table_get(const struct conf_table *table, const void *settings,
    const char *name, struct textbuf *out);

/* A count also clears the items beyond it and fills new ones with defaults. */
int conf_table_set(const struct conf_table *table, void *settings,
    const char *name, const char *text, char out_reason[CONF_REASON_SIZE]);

/* Finds a name; -ENOENT. An index below max_count is found. */
int conf_table_find(const struct conf_table *table, const char *name,
    struct conf_entry *out_entry);

#endif
