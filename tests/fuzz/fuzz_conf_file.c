/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the way from config text to settings: libconfig, the tree, a small
 * table with every type, the printed form and the pairs that programs are sent.
 * What loads must print to text that loads as the same settings.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/conf_file.h"
#include "lib/conf_table.h"

struct item {
	char address[64];
	uint16_t port;
};

struct settings {
	bool on;
	int32_t small;
	int64_t large;
	uint64_t count;
	uint32_t duration;
	uint64_t size;
	double fraction;
	char string[64];
	int word;
	char address[64];
	char path[64];
	struct cidr_list cidrs;
	char strings[128];
	uint32_t item_count;
	struct item items[4];
};

static const char *const words[] = { "one", "two", NULL };

#define KEY(name, type, field, text, max)                                      \
	{                                                                      \
		name, type, CONF_LIVE, 1, CONF_OPTIONAL,                       \
		    CONF_AT(struct settings, field), text, 0, max, words, ""   \
	}

static const struct conf_key keys[] = {
	KEY("g.on", CONF_BOOL, on, "true", 0),
	KEY("g.small", CONF_INT, small, "-1", 0),
	KEY("g.large", CONF_INT, large, "1", 0),
	KEY("g.count", CONF_COUNT, count, "1", 0),
	KEY("g.duration", CONF_DURATION, duration, "1s", 0),
	KEY("h.size", CONF_SIZE, size, "1MiB", 1 << 30),
	KEY("h.fraction", CONF_DOUBLE, fraction, "0.1", 1000),
	KEY("h.string", CONF_STRING, string, "", 0),
	KEY("h.word", CONF_ENUM, word, "one", 0),
	KEY("h.address", CONF_ADDRESS, address, "", 0),
	KEY("path", CONF_PATH, path, "", 0),
	KEY("cidrs", CONF_CIDRS, cidrs, "", 0),
	KEY("strings", CONF_STRINGS, strings, "", 5),
};

static const struct conf_key item_keys[] = {
	{ "address", CONF_ADDRESS, CONF_LIVE, 1, 0,
	    CONF_AT(struct item, address), "::1", 0, 0, NULL, "" },
	{ "port", CONF_COUNT, CONF_LIVE, 1, 0, CONF_AT(struct item, port), "80",
	    0, 0, NULL, "" },
};

static const struct conf_list lists[] = {
	{ "items", CONF_LIVE, 1, offsetof(struct settings, items),
	    sizeof(struct item), offsetof(struct settings, item_count), 4, 1,
	    item_keys, 2, "" },
};

static const struct conf_table table = { keys, sizeof(keys) / sizeof(keys[0]),
	lists, 1, sizeof(struct settings) };

/* libconfig 1.5 loses a string that it has read when a syntax error follows. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static void
check(int is_right)
{
	if (!is_right)
		abort();
}

/* Whether text loads; errors are looked at for their shape alone. */
static bool
load(const char *text, struct settings *settings)
{
	char error[CONF_FILE_ERROR_SIZE];
	struct conf_tree tree;
	struct textbuf errors;
	bool is_loaded = false;
	int rc;

	if (conf_file_parse(text, "f", &tree, error) != 0) {
		check(tree.count == 0 && strlen(error) < sizeof(error));
		return false;
	}
	textbuf_init(&errors, 1 << 20);
	rc = conf_table_load(&table, &tree, settings, &errors);
	check(rc == 0 || rc == -EINVAL || rc == -ENOMEM);
	check((rc == -EINVAL) == (errors.len > 0));
	is_loaded = rc == 0;
	textbuf_clear(&errors);
	conf_tree_clear(&tree);
	return is_loaded;
}

static void
on_pair(const char *name, const char *text, void *arg)
{
	char reason[CONF_REASON_SIZE];

	check(conf_table_set(&table, arg, name, text, reason) == 0);
}

static void
on_change(const struct conf_change *change, void *arg)
{
	(void)arg;
	check(change->name[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings, again;
	char *text = malloc(size + 1);
	struct textbuf out;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (load(text, &settings)) {
		conf_table_defaults(&table, &again);
		conf_table_each(&table, &settings, 1, on_pair, &again);
		check(conf_table_diff(&table, &settings, &again, on_change,
			  NULL) == 0);
		textbuf_init(&out, 1 << 20);
		conf_table_print(&table, &settings, NULL, &out);
		check(load(textbuf_text(&out), &again));
		check(conf_table_diff(&table, &settings, &again, on_change,
			  NULL) == 0);
		textbuf_clear(&out);
	}
	free(text);
	return 0;
}
