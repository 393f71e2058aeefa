/* SPDX-License-Identifier: ISC */
/*
 * Inside of lib/conf_key.c: the readers and writers of the value types, numbers
 * in lib/conf_number.c, texts and lists in lib/conf_text.c. `value` is the
 * place in the settings; set functions follow conf_key_set().
 */
#ifndef HOLDFAST_LIB_CONF_VALUE_H
#define HOLDFAST_LIB_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf_key.h"

#define CONF_VALUE_TEXT_MAX 4096 /* of a list, as text */

typedef int conf_value_set_fn(const struct conf_key *key, void *value,
    const char *text, char *reason);
typedef void conf_value_get_fn(const struct conf_key *key, const void *value,
    struct textbuf *out);

conf_value_set_fn conf_set_unsigned, conf_set_int, conf_set_double,
    conf_set_bool, conf_set_enum, conf_set_string, conf_set_cidrs,
    conf_set_strings;
conf_value_get_fn conf_get_unsigned, conf_get_int, conf_get_double,
    conf_get_bool, conf_get_enum, conf_get_string, conf_get_cidrs,
    conf_get_strings;

/* Writes the reason; returns -EINVAL. */
int conf_value_refuse(char *reason, const char *text);

/*
 * The next item of a text such as "a, b": *out_item points at it and *p behind
 * its comma. False at the end; *p == NULL is the end. An item between two
 * commas is empty, which its reader refuses.
 */
bool conf_value_next_item(const char **p, const char **out_item,
    size_t *out_len);

/* Where conf_value_next_item() starts; NULL for a text of blanks. */
const char *conf_value_first_item(const char *text);

#endif
