/* SPDX-License-Identifier: ISC */
/*
 * What is done with all entries of a config table: check, print, compare, send
 * (see conf_table.h). Single entries are in lib/conf_entry.c, loading is in
 * lib/conf_load.c.
 */
#include "lib/conf_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/conf_entry.h"

#define VALUE_TEXT_MAX 8192

/* ---- check ---------------------------------------------------------- */

static bool
is_right_size(const struct conf_key *key)
{
	size_t size = key->size;

	switch (key->type) {
	case CONF_BOOL:
		return size == sizeof(bool);
	case CONF_INT:
		return size == 4 || size == 8;
	case CONF_COUNT:
		return size == 2 || size == 4 || size == 8;
	case CONF_DURATION:
	case CONF_SIZE:
		return size == 4 || size == 8;
	case CONF_DOUBLE:
		return size == sizeof(double);
	case CONF_ENUM:
		return size == sizeof(int) && key->words != NULL;
	case CONF_ADDRESS:
		return size >= IPADDR_TEXT_SIZE;
	case CONF_CIDRS:
		return size == sizeof(struct cidr_list);
	case CONF_STRING:
	case CONF_PATH:
	case CONF_STRINGS:
		return size > 1;
	}
	return false;
}

static const char *
check_key(const struct conf_key *key, size_t limit, char *scratch)
{
	char reason[CONF_REASON_SIZE];

	if (key->name == NULL || key->doc == NULL || key->default_text == NULL)
		return "has no name, default or doc";
	if (strspn(key->name, "abcdefghijklmnopqrstuvwxyz0123456789_.") !=
		strlen(key->name) ||
	    strlen(key->name) > CONF_NAME_SIZE / 2)
		return "has a bad name";
	if (!is_right_size(key))
		return "has a field of the wrong size";
	if (key->offset > limit || key->size > limit - key->offset)
		return "is outside of its struct";
	if (key->min > key->max)
		return "has min above max";
	if (key->default_text[0] != '\0' &&
	    conf_key_set(key, scratch, key->default_text, reason) != 0)
		return "has a default that is not a value";
	if (key->default_text[0] == '\0' &&
	    (key->type == CONF_BOOL || key->type == CONF_DOUBLE ||
		key->type == CONF_INT || key->type == CONF_COUNT ||
		key->type == CONF_ENUM || key->type == CONF_DURATION ||
		key->type == CONF_SIZE))
		return "has no default";
	return NULL;
}

static const char *
check_keys(const struct conf_key *keys, size_t count, size_t limit,
    char *scratch, const char **out_name)
{
	const char *wrong;
	size_t i, j;

	for (i = 0; i < count; i++) {
		wrong = check_key(&keys[i], limit, scratch);
		*out_name = keys[i].name;
		if (wrong != NULL)
			return wrong;
		for (j = 0; j < i; j++)
			if (strcmp(keys[i].name, keys[j].name) == 0)
				return "is there twice";
	}
	return NULL;
}

static const char *
check_list(const struct conf_list *list, size_t limit, char *scratch,
    const char **out_name)
{
	*out_name = list->name;
	if (list->max_count == 0 || list->default_count > list->max_count)
		return "has a bad count";
	if (list->offset + list->stride * list->max_count > limit ||
	    list->count_offset + sizeof(uint32_t) > limit)
		return "is outside of the settings";
	return check_keys(list->keys, list->key_count, list->stride, scratch,
	    out_name);
}

int
conf_table_check(const struct conf_table *table,
    char out_reason[CONF_REASON_SIZE])
{
	char *scratch = calloc(1, table->settings_size);
	const char *name = "table";
	const char *wrong;
	size_t i;

	if (scratch == NULL)
		return -ENOMEM;
	wrong = check_keys(table->keys, table->key_count, table->settings_size,
	    scratch, &name);
	for (i = 0; wrong == NULL && i < table->list_count; i++)
		wrong = check_list(&table->lists[i], table->settings_size,
		    scratch, &name);
	free(scratch);
	if (wrong == NULL)
		return 0;
	snprintf(out_reason, CONF_REASON_SIZE, "%s %s", name, wrong);
	return -EINVAL;
}

/* ---- print ---------------------------------------------------------- */

struct print {
	const void *settings;
	const struct conf_tree *tree; /* or NULL */
	struct textbuf *out;
	char group[CONF_NAME_SIZE];   /* open group; "" = none */
	const struct conf_list *list; /* open list */
	uint32_t index;		      /* open item of it */
	bool is_item_open;
};

static void
print_origin(struct print *print, const char *name, size_t line_start)
{
	const struct conf_node *node = NULL;
	size_t width = print->out->len - line_start;

	if (print->tree != NULL)
		node = conf_tree_find(print->tree, name);
	textbuf_printf(print->out, "%*s# ", width < 40 ? (int)(40 - width) : 1,
	    "");
	if (node == NULL)
		textbuf_puts(print->out, "default\n");
	else
		textbuf_printf(print->out, "%s:%u\n", node->file, node->line);
}

static void
print_value(struct print *print, const struct conf_entry *entry,
    const char *word, const char *indent)
{
	size_t start = print->out->len;

	textbuf_printf(print->out, "%s%s = ", indent, word);
	conf_key_print(entry->key,
	    conf_entry_const_base(entry, print->settings), print->out);
	textbuf_putc(print->out, ';');
	print_origin(print, entry->name, start);
}

static void
close_group(struct print *print)
{
	if (print->group[0] != '\0')
		textbuf_puts(print->out, "};\n");
	print->group[0] = '\0';
}

static void
close_list(struct print *print)
{
	if (print->is_item_open)
		textbuf_puts(print->out, "    }\n");
	if (print->list != NULL)
		textbuf_puts(print->out, ");\n");
	print->is_item_open = false;
	print->list = NULL;
}

static void
print_key(struct print *print, const struct conf_entry *entry)
{
	size_t len = strcspn(entry->name, ".");

	if (entry->name[len] == '\0') {
		close_group(print);
		print_value(print, entry, entry->name, "");
		return;
	}
	if (strncmp(print->group, entry->name, len) != 0 ||
	    print->group[len] != '\0') {
		close_group(print);
		snprintf(print->group, sizeof(print->group), "%.*s", (int)len,
		    entry->name);
		textbuf_printf(print->out, "%s = {\n", print->group);
	}
	print_value(print, entry, entry->name + len + 1, "    ");
}

static void
print_item_key(struct print *print, const struct conf_entry *entry)
{
	if (!print->is_item_open || print->index != entry->index) {
		textbuf_puts(print->out,
		    print->is_item_open ? "    }, {\n" : "    {\n");
		print->is_item_open = true;
		print->index = entry->index;
	}
	print_value(print, entry, entry->key->name, "        ");
}

static void
on_print(const struct conf_entry *entry, void *arg)
{
	struct print *print = arg;

	if (entry->list == NULL) {
		print_key(print, entry);
		return;
	}
	close_group(print);
	if (entry->list != print->list) {
		close_list(print);
		print->list = entry->list;
		textbuf_printf(print->out, "%s = (\n", entry->list->name);
	}
	if (entry->key != NULL)
		print_item_key(print, entry);
}

void
conf_table_print(const struct conf_table *table, const void *settings,
    const struct conf_tree *tree, struct textbuf *out)
{
	struct print print = { .settings = settings, .tree = tree, .out = out };

	conf_entry_walk(table, settings, on_print, &print);
	close_group(&print);
	close_list(&print);
}

/* ---- compare -------------------------------------------------------- */

struct diff {
	const struct conf_table *table;
	const void *old;
	const void *new;
	bool is_backward; /* looking for what is only in `new` */
	conf_change_cb *on_change;
	void *arg;
	size_t count;
};

static void
report(struct diff *diff, const struct conf_entry *entry, const char *old,
    const char *new)
{
	bool is_secret = entry->key != NULL &&
	    (entry->key->flags & CONF_SECRET) != 0;
	struct conf_change change = { entry->name, old, new,
		entry->key != NULL ? entry->key->reload : entry->list->reload };

	if (is_secret && old[0] != '\0')
		change.old_text = "***";
	if (is_secret && new[0] != '\0')
		change.new_text = "***";
	diff->count++;
	diff->on_change(&change, diff->arg);
}

/* Compares one entry of one side with the same of the other. */
static void
on_compare(const struct conf_entry *entry, void *arg)
{
	struct diff *diff = arg;
	struct textbuf a, b;
	bool is_reported;
	int rc_a, rc_b;

	textbuf_init(&a, VALUE_TEXT_MAX);
	textbuf_init(&b, VALUE_TEXT_MAX);
	rc_a = conf_table_get(diff->table, diff->old, entry->name, &a);
	rc_b = conf_table_get(diff->table, diff->new, entry->name, &b);
	/* The second walk is for items that only the new side has. */
	if (diff->is_backward)
		is_reported = rc_a != 0;
	else
		is_reported = rc_b != 0 ||
		    strcmp(textbuf_text(&a), textbuf_text(&b)) != 0;
	if (is_reported)
		report(diff, entry, textbuf_text(&a), textbuf_text(&b));
	textbuf_clear(&a);
	textbuf_clear(&b);
}

size_t
conf_table_diff(const struct conf_table *table, const void *old,
    const void *new, conf_change_cb *on_change, void *arg)
{
	struct diff diff = { .table = table,
		.old = old,
		.new = new,
		.on_change = on_change,
		.arg = arg };

	conf_entry_walk(table, old, on_compare, &diff);
	diff.is_backward = true;
	conf_entry_walk(table, new, on_compare, &diff);
	return diff.count;
}

/* ---- send ----------------------------------------------------------- */

struct each {
	const void *settings;
	uint32_t programs;
	conf_pair_cb *on_pair;
	void *arg;
};

static void
on_each(const struct conf_entry *entry, void *arg)
{
	struct each *each = arg;
	uint32_t programs = entry->key != NULL ? entry->key->programs :
						 entry->list->programs;
	struct textbuf text;

	if ((programs & each->programs) == 0)
		return;
	textbuf_init(&text, VALUE_TEXT_MAX);
	if (entry->key != NULL)
		conf_key_get(entry->key,
		    conf_entry_const_base(entry, each->settings), &text);
	else
		textbuf_printf(&text, "%u",
		    (unsigned)conf_list_count(entry->list, each->settings));
	each->on_pair(entry->name, textbuf_text(&text), each->arg);
	textbuf_clear(&text);
}

void
conf_table_each(const struct conf_table *table, const void *settings,
    uint32_t programs, conf_pair_cb *on_pair, void *arg)
{
	struct each each = { settings, programs, on_pair, arg };

	conf_entry_walk(table, settings, on_each, &each);
}
