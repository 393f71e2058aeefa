/* SPDX-License-Identifier: ISC */
/*
 * Loads a conf_tree into settings by a table (see conf_table.h). All mistakes
 * of a file are collected, since an operator wants to mend them in one go.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_entry.h"
#include "lib/suggest.h"

#define ERRORS_MAX     20
#define ITEMS_TEXT_MAX 4096

struct load {
	const struct conf_table *table;
	const struct conf_tree *tree;
	void *settings;
	struct textbuf *errors;
	unsigned error_count;
	const char *skip; /* path whose inside is not looked at; or NULL */
};

static void __attribute__((format(printf, 3, 4))) complain(struct load *load,
    const struct conf_node *node, const char *format, ...)
{
	va_list args;

	if (++load->error_count > ERRORS_MAX)
		return;
	textbuf_printf(load->errors, "%s:%u: %s: ", node->file, node->line,
	    node->path);
	va_start(args, format);
	textbuf_vprintf(load->errors, format, args);
	va_end(args);
	textbuf_putc(load->errors, '\n');
}

/* Whether path is something in the group or list that is named prefix. */
static bool
is_inside(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(path, prefix, len) == 0 &&
	    (path[len] == '.' || path[len] == '[');
}

static const struct conf_list *
find_list(const struct conf_table *table, const char *path)
{
	size_t i;

	for (i = 0; i < table->list_count; i++)
		if (strcmp(table->lists[i].name, path) == 0)
			return &table->lists[i];
	return NULL;
}

static bool
is_known_group(const struct conf_table *table, const char *path)
{
	size_t i;

	for (i = 0; i < table->key_count; i++)
		if (is_inside(table->keys[i].name, path))
			return true;
	/* "listen[0]": load_list() has seen to the item's number. */
	for (i = 0; i < table->list_count; i++)
		if (is_inside(path, table->lists[i].name) &&
		    strchr(path, '.') == NULL)
			return true;
	return false;
}

static const char *
last_word(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot == NULL ? path : dot + 1;
}

/* A key inside of a list item: compared with the item's keys alone. */
static const char *
suggest_in_list(const struct conf_list *list, const char *path)
{
	struct suggest suggest;
	size_t i;

	suggest_init(&suggest, last_word(path));
	for (i = 0; i < list->key_count; i++)
		suggest_offer(&suggest, list->keys[i].name);
	return suggest.best;
}

static const char *
suggest_name(const struct conf_table *table, const char *path)
{
	struct suggest suggest;
	size_t i;

	for (i = 0; i < table->list_count; i++)
		if (is_inside(path, table->lists[i].name))
			return suggest_in_list(&table->lists[i], path);
	/* The right key in the wrong group is likelier than any misspelling. */
	for (i = 0; i < table->key_count; i++)
		if (strcmp(last_word(table->keys[i].name), last_word(path)) ==
		    0)
			return table->keys[i].name;
	suggest_init(&suggest, path);
	for (i = 0; i < table->key_count; i++)
		suggest_offer(&suggest, table->keys[i].name);
	for (i = 0; i < table->list_count; i++)
		suggest_offer(&suggest, table->lists[i].name);
	return suggest.best;
}

/* The nearest group; its name is copied, being a part of a key's. */
static const char *
suggest_group(const struct conf_table *table, const char *path,
    char buf[CONF_NAME_SIZE])
{
	unsigned best = UINT32_MAX;
	char group[CONF_NAME_SIZE];
	struct suggest suggest;
	size_t i;

	suggest_init(&suggest, path);
	for (i = 0; i < table->key_count; i++) {
		const char *name = table->keys[i].name;

		if (strchr(name, '.') == NULL)
			continue;
		snprintf(group, sizeof(group), "%.*s", (int)strcspn(name, "."),
		    name);
		suggest_offer(&suggest, group);
		if (suggest.best != NULL && suggest.distance < best) {
			best = suggest.distance;
			memcpy(buf, group, sizeof(group));
		}
	}
	return suggest.best == NULL ? NULL : buf;
}

static void
complain_unknown(struct load *load, const struct conf_node *node)
{
	char buf[CONF_NAME_SIZE];
	const char *near;

	near = node->type == CONF_NODE_GROUP ?
	    suggest_group(load->table, node->path, buf) :
	    suggest_name(load->table, node->path);
	if (near == NULL)
		complain(load, node, "unknown %s",
		    node->type == CONF_NODE_GROUP ? "group" : "key");
	else
		complain(load, node, "unknown %s, did you mean \"%s\"?",
		    node->type == CONF_NODE_GROUP ? "group" : "key", near);
	load->skip = node->path;
}

/* Which forms of the file a type is written in. */
static bool
is_right_form(enum conf_type type, enum conf_node_type form)
{
	switch (type) {
	case CONF_BOOL:
		return form == CONF_NODE_BOOL;
	case CONF_INT:
	case CONF_COUNT:
		return form == CONF_NODE_INT;
	case CONF_DOUBLE:
		return form == CONF_NODE_INT || form == CONF_NODE_FLOAT;
	case CONF_SIZE:
	case CONF_DURATION:
		return form == CONF_NODE_INT || form == CONF_NODE_STRING;
	case CONF_STRING:
	case CONF_ENUM:
	case CONF_ADDRESS:
	case CONF_PATH:
		return form == CONF_NODE_STRING;
	case CONF_CIDRS:
	case CONF_STRINGS:
		return form == CONF_NODE_LIST;
	}
	return false;
}

static void
set_value(struct load *load, const struct conf_node *node,
    const struct conf_entry *entry, const char *text)
{
	char reason[CONF_REASON_SIZE];

	if (conf_key_set(entry->key, conf_entry_base(entry, load->settings),
		text, reason) != 0)
		complain(load, node, "%s", reason);
}

/* ( "a", "b" ) of a CONF_CIDRS or CONF_STRINGS key: joined to "a, b". */
static void
load_items(struct load *load, const struct conf_node *node,
    const struct conf_entry *entry)
{
	const struct conf_node *end = load->tree->nodes + load->tree->count;
	const struct conf_node *item;
	struct textbuf text;

	textbuf_init(&text, ITEMS_TEXT_MAX);
	for (item = node + 1; item < end && is_inside(item->path, node->path);
	     item++) {
		if (item->type != CONF_NODE_STRING ||
		    strchr(item->text, ',') != NULL) {
			complain(load, item,
			    "must be a string without a comma");
			break;
		}
		textbuf_printf(&text, "%s%s", item == node + 1 ? "" : ", ",
		    item->text);
	}
	if (textbuf_error(&text) != 0)
		complain(load, node, "has too many items");
	else if (item == end || !is_inside(item->path, node->path))
		set_value(load, node, entry, textbuf_text(&text));
	textbuf_clear(&text);
	load->skip = node->path;
}

static void
load_key(struct load *load, const struct conf_node *node,
    const struct conf_entry *entry)
{
	if (!is_right_form(entry->key->type, node->type)) {
		complain(load, node, "must be a %s, not a %s",
		    conf_type_name(entry->key->type),
		    conf_node_type_name(node->type));
		load->skip = node->path;
	} else if (node->type == CONF_NODE_LIST) {
		load_items(load, node, entry);
	} else {
		set_value(load, node, entry, node->text);
	}
}

/* Counts the items, all of which must be groups. */
static void
load_list(struct load *load, const struct conf_node *node,
    const struct conf_list *list)
{
	const struct conf_node *end = load->tree->nodes + load->tree->count;
	const struct conf_node *item;
	uint32_t count = 0;

	for (item = node + 1; item < end && is_inside(item->path, node->path);
	     item++) {
		/* Only "listen[0]" itself, not what is in it. */
		if (strchr(item->path, '.') != NULL)
			continue;
		if (item->type != CONF_NODE_GROUP) {
			complain(load, item, "must be a group { ... }");
			load->skip = node->path;
			return;
		}
		count++;
	}
	if (count > list->max_count) {
		complain(load, node, "must have at most %u items",
		    (unsigned)list->max_count);
		load->skip = node->path;
		return;
	}
	/* From nothing, so that no default item shines through. */
	conf_list_set_count(list, load->settings, 0);
	conf_list_set_count(list, load->settings, count);
}

static void
load_node(struct load *load, const struct conf_node *node)
{
	const struct conf_list *list = find_list(load->table, node->path);
	struct conf_entry entry;

	if (load->skip != NULL && is_inside(node->path, load->skip))
		return;
	load->skip = NULL;
	if (list != NULL) {
		if (node->type == CONF_NODE_LIST) {
			load_list(load, node, list);
			return;
		}
		complain(load, node, "must be a list ( { ... } )");
		load->skip = node->path;
		return;
	}
	if (conf_table_find(load->table, node->path, &entry) == 0)
		load_key(load, node, &entry);
	else if (is_known_group(load->table, node->path) &&
	    node->type != CONF_NODE_GROUP)
		complain(load, node, "must be a group { ... }");
	else if (node->type != CONF_NODE_GROUP ||
	    !is_known_group(load->table, node->path))
		complain_unknown(load, node);
}

int
conf_table_load(const struct conf_table *table, const struct conf_tree *tree,
    void *out_settings, struct textbuf *errors)
{
	struct load load = { .table = table, .tree = tree, .errors = errors };
	size_t i;

	load.settings = malloc(table->settings_size);
	if (load.settings == NULL)
		return -ENOMEM;
	conf_table_defaults(table, load.settings);
	for (i = 0; i < tree->count; i++)
		load_node(&load, &tree->nodes[i]);
	if (load.error_count > ERRORS_MAX)
		textbuf_printf(errors, "and %u more\n",
		    load.error_count - ERRORS_MAX);
	if (load.error_count == 0)
		memcpy(out_settings, load.settings, table->settings_size);
	free(load.settings);
	return load.error_count == 0 ? 0 : -EINVAL;
}
