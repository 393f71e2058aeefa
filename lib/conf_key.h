/* SPDX-License-Identifier: ISC */
/*
 * One key of the config: its row says everything about it (STYLE.md, "Config"),
 * and here a text becomes the value in a settings struct and back. Settings are
 * plain memory without pointers: they may be copied, compared and sent. Pure.
 */
#ifndef HOLDFAST_LIB_CONF_KEY_H
#define HOLDFAST_LIB_CONF_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/textbuf.h"

/* What is in the struct, and how it is written in the file. */
enum conf_type {
	CONF_BOOL,     /* bool: true */
	CONF_INT,      /* int32_t, int64_t: -5 */
	CONF_COUNT,    /* uint16_t, uint32_t, uint64_t: 100 */
	CONF_DURATION, /* uint32_t, uint64_t in ms: "15s" */
	CONF_SIZE,     /* uint32_t, uint64_t in bytes: "1MiB", 512 */
	CONF_DOUBLE,   /* double: 0.01 */
	CONF_STRING,   /* char[]: printable UTF-8 */
	CONF_ENUM,     /* int: index into words */
	CONF_ADDRESS,  /* char[IPADDR_TEXT_SIZE or more]: an IP literal */
	CONF_PATH,     /* char[]: as a string */
	CONF_CIDRS,    /* struct cidr_list: [ "10.0.0.0/8", "::1" ] */
	CONF_STRINGS, /* char[]: ["a", "b"], kept as "a\nb"; conf_item_next() */
};

/* When a changed value takes effect. */
enum conf_reload {
	CONF_LIVE,	      /* at once */
	CONF_NEW_CONNECTIONS, /* for connections made from now on */
	CONF_RECYCLE,	      /* with the next tenants, which a reload starts */
	CONF_RESTART,	      /* with the next holdfastd */
};

/* flags */
#define CONF_SECRET   0x1u /* shown as "***" */
#define CONF_OPTIONAL 0x2u /* address, path, string: may be "" */

/*
 * A row. min and max count in the type's unit (ms, bytes, whole numbers also
 * for doubles, bytes of text for strings and paths, items for lists); both 0 =
 * no limit but the type's. default_text is as conf_key_set() reads it; for a
 * string it may be "" whatever the flags say ("filled in later").
 */
struct conf_key {
	const char *name; /* "node.workers"; in a list, "port" */
	enum conf_type type;
	enum conf_reload reload;
	uint32_t programs; /* who gets it: bits of the user's */
	uint32_t flags;
	size_t offset;
	size_t size;
	const char *default_text;
	int64_t min;
	int64_t max;
	const char *const *words; /* CONF_ENUM; ends in NULL */
	const char *doc;	  /* one line */
};

/* .offset and .size of a row: CONF_AT(struct settings, node.workers) */
#define CONF_AT(type, field)                                                   \
	.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

#define CONF_REASON_SIZE 200

const char *conf_type_name(enum conf_type type);
const char *conf_reload_name(enum conf_reload reload);

/*
 * Reads text into the key's place in settings (the struct, or the list item,
 * that the row's offset counts from). Lists are separated by commas, with or
 * without blanks. -EINVAL leaves the value alone and writes what is wrong
 * ("must be between 1s and 1h").
 */
int conf_key_set(const struct conf_key *key, void *settings, const char *text,
    char out_reason[CONF_REASON_SIZE]);

/* Appends the shortest text that conf_key_set() reads as this value. */
void conf_key_get(const struct conf_key *key, const void *settings,
    struct textbuf *out);

/* Appends the value as libconfig reads it: quoted, [ "a", "b" ]. */
void conf_key_print(const struct conf_key *key, const void *settings,
    struct textbuf *out);

/*
 * Walks the items of a CONF_STRINGS value: start with *cursor = its text.
 * Returns the item (not NUL-terminated) or NULL at the end.
 */
const char *conf_item_next(const char **cursor, size_t *out_len);

#endif
