/* SPDX-License-Identifier: ISC */
/*
 * Values of the config by type (see conf_key.h). The work is done in
 * lib/conf_number.c and lib/conf_text.c.
 */
#include "lib/conf_key.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_value.h"

static const char *const reload_names[] = {
	[CONF_LIVE] = "live",
	[CONF_NEW_CONNECTIONS] = "new-connections",
	[CONF_RECYCLE] = "recycle",
	[CONF_RESTART] = "restart",
};

const char *
conf_reload_name(enum conf_reload reload)
{
	return (unsigned)reload <= CONF_RESTART ? reload_names[reload] : "?";
}

static const struct {
	const char *name;
	conf_value_set_fn *set;
	conf_value_get_fn *get;
} types[] = {
	[CONF_BOOL] = { "boolean", conf_set_bool, conf_get_bool },
	[CONF_INT] = { "integer", conf_set_int, conf_get_int },
	[CONF_COUNT] = { "count", conf_set_unsigned, conf_get_unsigned },
	[CONF_DURATION] = { "duration", conf_set_unsigned, conf_get_unsigned },
	[CONF_SIZE] = { "size", conf_set_unsigned, conf_get_unsigned },
	[CONF_DOUBLE] = { "number", conf_set_double, conf_get_double },
	[CONF_STRING] = { "string", conf_set_string, conf_get_string },
	[CONF_ENUM] = { "word", conf_set_enum, conf_get_enum },
	[CONF_ADDRESS] = { "address", conf_set_string, conf_get_string },
	[CONF_PATH] = { "path", conf_set_string, conf_get_string },
	[CONF_CIDRS] = { "address ranges", conf_set_cidrs, conf_get_cidrs },
	[CONF_STRINGS] = { "list of strings", conf_set_strings,
	    conf_get_strings },
};

const char *
conf_type_name(enum conf_type type)
{
	return (unsigned)type <= CONF_STRINGS ? types[type].name : "?";
}

int
conf_key_set(const struct conf_key *key, void *settings, const char *text,
    char out_reason[CONF_REASON_SIZE])
{
	return types[key->type].set(key, (char *)settings + key->offset, text,
	    out_reason);
}

void
conf_key_get(const struct conf_key *key, const void *settings,
    struct textbuf *out)
{
	types[key->type].get(key, (const char *)settings + key->offset, out);
}

static void
print_quoted(const char *text, size_t len, struct textbuf *out)
{
	size_t i;

	textbuf_putc(out, '"');
	for (i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			textbuf_putc(out, '\\');
		textbuf_putc(out, text[i]);
	}
	textbuf_putc(out, '"');
}

static void
print_list(const char *text, struct textbuf *out)
{
	const char *p = conf_value_first_item(text);
	const char *item;
	bool is_first = true;
	size_t len;

	textbuf_puts(out, "[");
	while (conf_value_next_item(&p, &item, &len)) {
		textbuf_puts(out, is_first ? " " : ", ");
		print_quoted(item, len, out);
		is_first = false;
	}
	textbuf_puts(out, is_first ? "]" : " ]");
}

/* libconfig wants an L behind what does not fit in 32 bits. */
static void
print_whole(const char *text, struct textbuf *out)
{
	long long value = strtoll(text, NULL, 10);

	textbuf_puts(out, text);
	if (value > INT32_MAX || value < INT32_MIN)
		textbuf_putc(out, 'L');
}

void
conf_key_print(const struct conf_key *key, const void *settings,
    struct textbuf *out)
{
	struct textbuf text;

	textbuf_init(&text, CONF_VALUE_TEXT_MAX * 2);
	conf_key_get(key, settings, &text);
	if ((key->flags & CONF_SECRET) != 0 && text.len > 0)
		textbuf_puts(out, "\"***\"");
	else if (key->type == CONF_CIDRS || key->type == CONF_STRINGS)
		print_list(textbuf_text(&text), out);
	else if (key->type == CONF_INT || key->type == CONF_COUNT)
		print_whole(textbuf_text(&text), out);
	else if (key->type == CONF_BOOL || key->type == CONF_DOUBLE)
		textbuf_puts(out, textbuf_text(&text));
	else
		print_quoted(textbuf_text(&text), text.len, out);
	textbuf_clear(&text);
}
