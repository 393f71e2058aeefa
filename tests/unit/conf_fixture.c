/* SPDX-License-Identifier: ISC */
/* The config table of the tests (see conf_fixture.h). */
#include "tests/unit/conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_file.h"

static const char *const modes[] = { "none", "echo", "stream", NULL };

static const struct conf_key keys[] = {
	{ "node.id", CONF_STRING, CONF_RESTART, BOTH, CONF_OPTIONAL,
	    CONF_AT(struct settings, node.id), "", 0, 20, NULL, "name" },
	{ "node.workers", CONF_COUNT, CONF_RESTART, 0, 0,
	    CONF_AT(struct settings, node.workers), "0", 0, 256, NULL, "n" },
	{ "node.pin_cpus", CONF_BOOL, CONF_RECYCLE, GATEWAY, 0,
	    CONF_AT(struct settings, node.pin), "true", 0, 0, NULL, "pin" },
	{ "node.capacity", CONF_COUNT, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, node.capacity), "100000", 1, 10000000000,
	    NULL, "connections" },
	{ "node.nice", CONF_INT, CONF_RECYCLE, GATEWAY, 0,
	    CONF_AT(struct settings, node.nice), "-5", -20, 19, NULL, "n" },
	{ "websocket.max_message", CONF_SIZE, CONF_NEW_CONNECTIONS, GATEWAY, 0,
	    CONF_AT(struct settings, web.max_message), "1MiB", 125, 1 << 24,
	    NULL, "bytes" },
	{ "websocket.ping_interval", CONF_DURATION, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.ping_ms), "15s", 1000, 3600000, NULL,
	    "interval" },
	{ "websocket.fraction", CONF_DOUBLE, CONF_LIVE, RELAY, 0,
	    CONF_AT(struct settings, web.fraction), "0.01", 0, 1, NULL, "f" },
	{ "websocket.mode", CONF_ENUM, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.mode), "none", 0, 0, modes, "m" },
	{ "websocket.trusted", CONF_CIDRS, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.trusted), "127.0.0.0/8", 0, 4, NULL,
	    "proxies" },
	{ "websocket.origins", CONF_STRINGS, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct settings, web.origins), "", 0, 3, NULL, "origins" },
	{ "websocket.url", CONF_STRING, CONF_LIVE, RELAY, CONF_SECRET,
	    CONF_AT(struct settings, web.url), "", 0, 0, NULL, "url" },
	{ "debug", CONF_COUNT, CONF_LIVE, BOTH, 0,
	    CONF_AT(struct settings, debug), "0", 0, 0, NULL, "level" },
};

static const struct conf_key item_keys[] = {
	{ "address", CONF_ADDRESS, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct item, address), "127.0.0.1", 0, 0, NULL, "a" },
	{ "port", CONF_COUNT, CONF_LIVE, GATEWAY, 0, CONF_AT(struct item, port),
	    "8080", 0, 0, NULL, "p" },
	{ "proxy", CONF_BOOL, CONF_LIVE, GATEWAY, 0,
	    CONF_AT(struct item, proxy), "false", 0, 0, NULL, "p" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct conf_list lists[] = {
	{ "listen", CONF_LIVE, GATEWAY, offsetof(struct settings, listen),
	    sizeof(struct item), offsetof(struct settings, listen_count), 3, 1,
	    item_keys, COUNT(item_keys), "where clients come in" },
};

const struct conf_table conf_fixture_table = { keys, COUNT(keys), lists,
	COUNT(lists), sizeof(struct settings) };

char *
conf_fixture_load(const char *text, struct settings *settings)
{
	char error[CONF_FILE_ERROR_SIZE];
	struct conf_tree tree;
	struct textbuf errors;
	char *out;
	size_t len;
	int rc;

	if (conf_file_parse(text, "t.conf", &tree, error) != 0)
		fail_msg("%s", error);
	textbuf_init(&errors, 65536);
	rc = conf_table_load(&conf_fixture_table, &tree, settings, &errors);
	assert_int_equal(rc, errors.len == 0 ? 0 : -EINVAL);
	conf_tree_clear(&tree);
	assert_int_equal(textbuf_take(&errors, &out, &len), 0);
	return out;
}

void
conf_fixture_expect_error(const char *text, const char *wanted)
{
	struct settings settings, before;
	char *errors;

	memset(&settings, 0x5a, sizeof(settings));
	before = settings;
	errors = conf_fixture_load(text, &settings);
	if (strcmp(errors, wanted) != 0)
		fail_msg("%s\n  gave   %s\n  wanted %s", text, errors, wanted);
	assert_memory_equal(&settings, &before, sizeof(settings));
	free(errors);
}

void
conf_fixture_expect_ok(const char *text, struct settings *settings)
{
	char *errors = conf_fixture_load(text, settings);

	assert_string_equal(errors, "");
	free(errors);
}
