/* SPDX-License-Identifier: ISC */
/*
 * Words, texts and lists of the config (see conf_value.h).
 */
#include "lib/conf_value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/cidr.h"
#include "lib/escape.h"
#include "lib/parse.h"

int
conf_value_refuse(char *reason, const char *text)
{
	snprintf(reason, CONF_REASON_SIZE, "%s", text);
	return -EINVAL;
}

int
conf_set_bool(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	bool is_on;

	(void)key;
	if (parse_bool(text, &is_on) != 0)
		return conf_value_refuse(reason, "must be true or false");
	memcpy(value, &is_on, sizeof(is_on));
	return 0;
}

void
conf_get_bool(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	bool is_on;

	(void)key;
	memcpy(&is_on, value, sizeof(is_on));
	textbuf_puts(out, is_on ? "true" : "false");
}

int
conf_set_enum(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	size_t len;
	int i;

	for (i = 0; key->words[i] != NULL; i++) {
		if (strcmp(key->words[i], text) == 0) {
			memcpy(value, &i, sizeof(i));
			return 0;
		}
	}
	len = (size_t)snprintf(reason, CONF_REASON_SIZE, "must be one of");
	for (i = 0; key->words[i] != NULL && len < CONF_REASON_SIZE; i++)
		len += (size_t)snprintf(reason + len, CONF_REASON_SIZE - len,
		    "%s \"%s\"", i == 0 ? "" : ",", key->words[i]);
	return -EINVAL;
}

void
conf_get_enum(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	int wanted, i;

	memcpy(&wanted, value, sizeof(wanted));
	for (i = 0; key->words[i] != NULL; i++)
		if (i == wanted)
			textbuf_puts(out, key->words[i]);
}

static bool
is_printable(const char *text, size_t len)
{
	size_t i, step;

	for (i = 0; i < len; i += step) {
		step = escape_utf8_len(text + i, len - i);
		if (step == 0 || (unsigned char)text[i] < ' ' ||
		    text[i] == 0x7f)
			return false;
	}
	return true;
}

int
conf_set_string(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	size_t len = strlen(text);
	size_t max = key->size - 1;
	struct ipaddr addr;

	if (len == 0 && (key->flags & CONF_OPTIONAL) == 0)
		return conf_value_refuse(reason, "must not be empty");
	if (!is_printable(text, len))
		return conf_value_refuse(reason, "must be printable text");
	if (key->type == CONF_ADDRESS && len > 0 &&
	    ipaddr_parse(text, &addr) != 0)
		return conf_value_refuse(reason,
		    "must be an IPv4 or IPv6 address, such "
		    "as \"127.0.0.1\" or \"::\"");
	if (key->max > 0 && (size_t)key->max < max)
		max = (size_t)key->max;
	if (len > max || (len > 0 && len < (size_t)key->min)) {
		snprintf(reason, CONF_REASON_SIZE,
		    "must have %lld to %zu bytes", (long long)key->min, max);
		return -EINVAL;
	}
	/* The rest is cleared so that equal settings compare equal. */
	memset(value, 0, key->size);
	memcpy(value, text, len);
	return 0;
}

void
conf_get_string(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	textbuf_append(out, value, strnlen(value, key->size));
}

bool
conf_value_next_item(const char **p, const char **out_item, size_t *out_len)
{
	const char *start = *p;
	size_t len;

	if (start == NULL)
		return false;
	start += strspn(start, " ");
	len = strcspn(start, ",");
	*p = start[len] == ',' ? start + len + 1 : NULL;
	while (len > 0 && start[len - 1] == ' ')
		len--;
	*out_item = start;
	*out_len = len;
	return true;
}

const char *
conf_value_first_item(const char *text)
{
	return text[strspn(text, " ")] == '\0' ? NULL : text;
}

int
conf_set_cidrs(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	const char *p = conf_value_first_item(text);
	struct cidr_list list;
	char one[CIDR_TEXT_SIZE];
	const char *item;
	size_t len;

	memset(&list, 0, sizeof(list));
	while (conf_value_next_item(&p, &item, &len)) {
		snprintf(one, sizeof(one), "%.*s",
		    (int)(len < sizeof(one) ? len : sizeof(one) - 1), item);
		if (list.count == CIDR_LIST_MAX ||
		    (key->max > 0 && list.count == (uint64_t)key->max))
			return conf_value_refuse(reason, "has too many items");
		if (len >= sizeof(one) ||
		    cidr_parse(one, &list.items[list.count]) != 0) {
			snprintf(reason, CONF_REASON_SIZE,
			    "\"%s\" is not an "
			    "address range such as \"10.0.0.0/8\" (no bits "
			    "may be set behind the prefix)",
			    one);
			return -EINVAL;
		}
		list.count++;
	}
	memcpy(value, &list, sizeof(list));
	return 0;
}

void
conf_get_cidrs(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	char one[CIDR_TEXT_SIZE];
	struct cidr_list list;
	uint32_t i;

	(void)key;
	memcpy(&list, value, sizeof(list));
	for (i = 0; i < list.count && i < CIDR_LIST_MAX; i++) {
		cidr_format(&list.items[i], one);
		textbuf_printf(out, "%s%s", i == 0 ? "" : ", ", one);
	}
}

int
conf_set_strings(const struct conf_key *key, void *value, const char *text,
    char *reason)
{
	const char *p = conf_value_first_item(text);
	char packed[CONF_VALUE_TEXT_MAX];
	const char *item;
	int64_t count = 0;
	size_t used = 0;
	size_t len;

	memset(packed, 0, sizeof(packed));
	while (conf_value_next_item(&p, &item, &len)) {
		if (len == 0 || !is_printable(item, len))
			return conf_value_refuse(reason,
			    "must be a list of printable, not empty texts");
		if (used + len + 2 > key->size ||
		    used + len + 2 > CONF_VALUE_TEXT_MAX ||
		    (key->max > 0 && count == key->max))
			return conf_value_refuse(reason, "has too many items");
		if (count++ > 0)
			packed[used++] = '\n';
		memcpy(packed + used, item, len);
		used += len;
	}
	memset(value, 0, key->size);
	memcpy(value, packed, used);
	return 0;
}

const char *
conf_item_next(const char **cursor, size_t *out_len)
{
	const char *item = *cursor;

	if (*item == '\0')
		return NULL;
	*out_len = strcspn(item, "\n");
	*cursor = item + *out_len + (item[*out_len] == '\n' ? 1 : 0);
	return item;
}

void
conf_get_strings(const struct conf_key *key, const void *value,
    struct textbuf *out)
{
	const char *cursor = value;
	const char *item;
	size_t len;

	(void)key;
	while ((item = conf_item_next(&cursor, &len)) != NULL) {
		if (item != value)
			textbuf_puts(out, ", ");
		textbuf_append(out, item, len);
	}
}
