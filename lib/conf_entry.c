/* SPDX-License-Identifier: ISC */
/*
 * Entries of a config table (see conf_entry.h, conf_table.h): names to places
 * in the settings, defaults, and single values by name.
 */
#include "lib/conf_entry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"

void *
conf_entry_base(const struct conf_entry *entry, void *settings)
{
	if (entry->list == NULL)
		return settings;
	return (char *)settings + entry->list->offset +
	    entry->index * entry->list->stride;
}

const void *
conf_entry_const_base(const struct conf_entry *entry, const void *settings)
{
	if (entry->list == NULL)
		return settings;
	return (const char *)settings + entry->list->offset +
	    entry->index * entry->list->stride;
}

uint32_t
conf_list_count(const struct conf_list *list, const void *settings)
{
	uint32_t count;

	memcpy(&count, (const char *)settings + list->count_offset,
	    sizeof(count));
	return count < list->max_count ? count : list->max_count;
}

static void
set_default(const struct conf_key *key, void *base)
{
	char reason[CONF_REASON_SIZE];

	/* "" leaves the zeros; conf_table_check() has proven all others. */
	if (key->default_text[0] != '\0')
		(void)conf_key_set(key, base, key->default_text, reason);
}

void
conf_list_set_count(const struct conf_list *list, void *settings,
    uint32_t count)
{
	char *items = (char *)settings + list->offset;
	uint32_t old = conf_list_count(list, settings);
	uint32_t i;
	size_t k;

	for (i = old; i < count; i++)
		for (k = 0; k < list->key_count; k++)
			set_default(&list->keys[k], items + i * list->stride);
	for (i = count; i < old; i++)
		memset(items + i * list->stride, 0, list->stride);
	memcpy((char *)settings + list->count_offset, &count, sizeof(count));
}

void
conf_table_defaults(const struct conf_table *table, void *out_settings)
{
	size_t i;

	memset(out_settings, 0, table->settings_size);
	for (i = 0; i < table->key_count; i++)
		set_default(&table->keys[i], out_settings);
	for (i = 0; i < table->list_count; i++)
		conf_list_set_count(&table->lists[i], out_settings,
		    table->lists[i].default_count);
}

static void
walk_list(const struct conf_list *list, const void *settings,
    conf_entry_cb *on_entry, void *arg)
{
	struct conf_entry entry = { .list = list };
	uint32_t count = conf_list_count(list, settings);
	size_t k;

	snprintf(entry.name, sizeof(entry.name), "%s[]", list->name);
	on_entry(&entry, arg);
	for (; entry.index < count; entry.index++) {
		for (k = 0; k < list->key_count; k++) {
			entry.key = &list->keys[k];
			snprintf(entry.name, sizeof(entry.name), "%s[%u].%s",
			    list->name, (unsigned)entry.index, entry.key->name);
			on_entry(&entry, arg);
		}
	}
}

void
conf_entry_walk(const struct conf_table *table, const void *settings,
    conf_entry_cb *on_entry, void *arg)
{
	struct conf_entry entry = { .list = NULL };
	size_t i;

	for (i = 0; i < table->key_count; i++) {
		entry.key = &table->keys[i];
		snprintf(entry.name, sizeof(entry.name), "%s", entry.key->name);
		on_entry(&entry, arg);
	}
	for (i = 0; i < table->list_count; i++)
		walk_list(&table->lists[i], settings, on_entry, arg);
}

static const struct conf_key *
find_key(const struct conf_key *keys, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* rest is what follows the list's name: "[]" or "[3].port". */
static int
find_in_list(const struct conf_list *list, const char *rest,
    struct conf_entry *out_entry)
{
	const struct conf_key *key = NULL;
	uint64_t index = 0;
	const char *end;

	if (strcmp(rest, "[]") != 0) {
		end = strchr(rest, ']');
		if (end == NULL || end[1] != '.' ||
		    parse_u64_n(rest + 1, (size_t)(end - rest - 1), 0,
			list->max_count - 1, &index) != 0)
			return -ENOENT;
		key = find_key(list->keys, list->key_count, end + 2);
		if (key == NULL)
			return -ENOENT;
	}
	out_entry->key = key;
	out_entry->list = list;
	out_entry->index = (uint32_t)index;
	return 0;
}

int
conf_table_find(const struct conf_table *table, const char *name,
    struct conf_entry *out_entry)
{
	struct conf_entry entry = { .list = NULL };
	size_t len = strcspn(name, "[");
	int rc = -ENOENT;
	size_t i;

	if (strlen(name) >= sizeof(entry.name))
		return -ENOENT;
	memcpy(entry.name, name, strlen(name) + 1);
	if (name[len] == '\0') {
		entry.key = find_key(table->keys, table->key_count, name);
		rc = entry.key == NULL ? -ENOENT : 0;
	}
	for (i = 0; rc != 0 && name[len] == '[' && i < table->list_count; i++)
		if (strlen(table->lists[i].name) == len &&
		    memcmp(table->lists[i].name, name, len) == 0)
			rc = find_in_list(&table->lists[i], name + len, &entry);
	if (rc == 0)
		*out_entry = entry;
	return rc;
}

int
conf_table_get(const struct conf_table *table, const void *settings,
    const char *name, struct textbuf *out)
{
	struct conf_entry entry;
	uint32_t count = 0;

	if (conf_table_find(table, name, &entry) != 0)
		return -ENOENT;
	if (entry.list != NULL)
		count = conf_list_count(entry.list, settings);
	if (entry.key == NULL) {
		textbuf_printf(out, "%u", (unsigned)count);
		return 0;
	}
	if (entry.list != NULL && entry.index >= count)
		return -ENOENT;
	conf_key_get(entry.key, conf_entry_const_base(&entry, settings), out);
	return 0;
}

int
conf_table_set(const struct conf_table *table, void *settings, const char *name,
    const char *text, char out_reason[CONF_REASON_SIZE])
{
	struct conf_entry entry;
	void *base;
	uint64_t count;

	if (conf_table_find(table, name, &entry) != 0) {
		snprintf(out_reason, CONF_REASON_SIZE, "is not a key");
		return -ENOENT;
	}
	if (entry.key == NULL) {
		if (parse_u64(text, 0, entry.list->max_count, &count) != 0) {
			snprintf(out_reason, CONF_REASON_SIZE,
			    "must have at most %u items",
			    (unsigned)entry.list->max_count);
			return -EINVAL;
		}
		conf_list_set_count(entry.list, settings, (uint32_t)count);
		return 0;
	}
	if (entry.list != NULL &&
	    entry.index >= conf_list_count(entry.list, settings)) {
		snprintf(out_reason, CONF_REASON_SIZE, "is not an item");
		return -ENOENT;
	}
	base = conf_entry_base(&entry, settings);
	/* What conf_table_get() gives for a value that is not set yet. */
	if (text[0] == '\0' && entry.key->default_text[0] == '\0') {
		memset((char *)base + entry.key->offset, 0, entry.key->size);
		return 0;
	}
	return conf_key_set(entry.key, base, text, out_reason);
}
