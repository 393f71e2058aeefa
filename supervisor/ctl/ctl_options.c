/* SPDX-License-Identifier: ISC */
/*
 * getopt_long and the values of options (see ctl_options.h).
 */
#include "supervisor/ctl/ctl_options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include <jansson.h>

#include "lib/parse.h"
#include "supervisor/ctl/ctl_text.h"

#define INTERVAL_MS 1000
#define DAY_MS	    86400000

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "filter", required_argument, NULL, 'F' },
	{ "limit", required_argument, NULL, 'l' },
	{ "offset", required_argument, NULL, 'o' },
	{ "slot", required_argument, NULL, 'S' },
	{ "columns", required_argument, NULL, 'c' },
	{ "code", required_argument, NULL, 'C' },
	{ "reason", required_argument, NULL, 'r' },
	{ "now", no_argument, NULL, 'N' },
	{ "within", required_argument, NULL, 'w' },
	{ "profile", required_argument, NULL, 'p' },
	{ "plan", no_argument, NULL, 'P' },
	{ "binary", required_argument, NULL, 'b' },
	{ "wait", no_argument, NULL, 'W' },
	{ "follow", no_argument, NULL, 'f' },
	{ "since", required_argument, NULL, 'y' },
	{ "interval", required_argument, NULL, 'i' },
	{ "count", required_argument, NULL, 'n' },
	{ "force", no_argument, NULL, 'O' },
	{ "keepers", no_argument, NULL, 'k' },
	{ "node", no_argument, NULL, 'D' },
	{ NULL, 0, NULL, 0 },
};

/* Where the value of an option goes. */
enum value { FLAG, TEXT, NUMBER, TIME };

static const struct row {
	int letter;
	enum value value;
	uint32_t bit;  /* 0: every command takes it */
	size_t offset; /* of the field; FLAG of a command: only the bit */
	uint64_t min, max;
} rows[] = {
	{ 's', TEXT, 0, offsetof(struct ctl_options, socket), 0, 0 },
	{ 't', TIME, 0, offsetof(struct ctl_options, timeout_ms), 1, DAY_MS },
	{ 'j', FLAG, 0, offsetof(struct ctl_options, json), 0, 0 },
	{ 'h', FLAG, 0, offsetof(struct ctl_options, help), 0, 0 },
	{ 'V', FLAG, 0, offsetof(struct ctl_options, version), 0, 0 },
	{ 'F', TEXT, CTL_OPT_FILTER, offsetof(struct ctl_options, filter), 0,
	    0 },
	{ 'l', NUMBER, CTL_OPT_LIMIT, offsetof(struct ctl_options, limit), 0,
	    10000 },
	{ 'o', NUMBER, CTL_OPT_OFFSET, offsetof(struct ctl_options, offset), 0,
	    UINT32_MAX },
	{ 'S', NUMBER, CTL_OPT_SLOT, offsetof(struct ctl_options, slot), 0,
	    1000 },
	{ 'c', TEXT, CTL_OPT_COLUMNS, offsetof(struct ctl_options, columns), 0,
	    0 },
	{ 'C', NUMBER, CTL_OPT_CODE, offsetof(struct ctl_options, code), 1000,
	    4999 },
	{ 'r', TEXT, CTL_OPT_REASON, offsetof(struct ctl_options, reason), 0,
	    0 },
	{ 'N', FLAG, CTL_OPT_NOW, 0, 0, 0 },
	{ 'w', TIME, CTL_OPT_WITHIN, offsetof(struct ctl_options, within_ms),
	    1000, 7ull * DAY_MS },
	{ 'p', TEXT, CTL_OPT_PROFILE, offsetof(struct ctl_options, profile), 0,
	    0 },
	{ 'P', FLAG, CTL_OPT_PLAN, 0, 0, 0 },
	{ 'b', TEXT, CTL_OPT_BINARY, offsetof(struct ctl_options, binary), 0,
	    0 },
	{ 'W', FLAG, CTL_OPT_WAIT, 0, 0, 0 },
	{ 'k', FLAG, CTL_OPT_KEEPERS, 0, 0, 0 },
	{ 'D', FLAG, CTL_OPT_NODE, 0, 0, 0 },
	{ 'O', FLAG, CTL_OPT_FORCE, 0, 0, 0 },
	{ 'f', FLAG, CTL_OPT_FOLLOW, 0, 0, 0 },
	{ 'y', TIME, CTL_OPT_SINCE, offsetof(struct ctl_options, since_ms), 0,
	    365ull * DAY_MS },
	{ 'i', TIME, CTL_OPT_INTERVAL,
	    offsetof(struct ctl_options, interval_ms), 100, DAY_MS },
	{ 'n', NUMBER, CTL_OPT_COUNT, offsetof(struct ctl_options, count), 1,
	    UINT32_MAX },
};

static const struct row *
find_row(int letter)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].letter == letter)
			return &rows[i];
	}
	return NULL;
}

static const char *
long_name(int letter)
{
	const struct option *option;

	for (option = long_options; option->name != NULL; option++) {
		if (option->val == letter)
			return option->name;
	}
	return "?";
}

const char *
ctl_options_name(uint32_t bits)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].bit & bits)
			return long_name(rows[i].letter);
	}
	return "?";
}

static int
set_number(const struct row *row, const char *text, uint32_t *out,
    struct textbuf *error)
{
	uint64_t number;

	if (parse_u64(text, row->min, row->max, &number) != 0) {
		textbuf_printf(error, "--%s: a number from %llu to %llu",
		    long_name(row->letter), (unsigned long long)row->min,
		    (unsigned long long)row->max);
		return -EINVAL;
	}
	*out = (uint32_t)number;
	return 0;
}

static int
set_time(const struct row *row, const char *text, uint64_t *out,
    struct textbuf *error)
{
	char min[CTL_NUMBER_SIZE], max[CTL_NUMBER_SIZE];

	if (parse_duration_ms(text, row->min, row->max, out) == 0)
		return 0;
	ctl_text_duration(row->min, min);
	ctl_text_duration(row->max, max);
	textbuf_printf(error, "--%s: a time such as \"10s\", from %s to %s",
	    long_name(row->letter), min, max);
	return -EINVAL;
}

/* What is to go into a request must be UTF-8, as all JSON is: or it would be
 * missing there, and the request a different one. */
static int
check_utf8(const char *text, struct textbuf *error)
{
	json_t *string = json_string(text);

	if (string == NULL) {
		textbuf_puts(error, "arguments must be UTF-8");
		return -EINVAL;
	}
	json_decref(string);
	return 0;
}

static int
set(const struct row *row, char *text, struct ctl_options *out,
    struct textbuf *error)
{
	void *field = (char *)out + row->offset;

	out->given |= row->bit;
	switch (row->value) {
	case FLAG:
		if (row->bit == 0)
			*(bool *)field = true;
		return 0;
	case TEXT:
		*(const char **)field = text;
		/* Those of no command stay here. */
		return row->bit == 0 ? 0 : check_utf8(text, error);
	case NUMBER:
		return set_number(row, text, field, error);
	case TIME:
		return set_time(row, text, field, error);
	}
	return -EINVAL;
}

int
ctl_options_parse(int argc, char **argv, struct ctl_options *out,
    struct textbuf *error)
{
	int letter, rc = 0, i;

	memset(out, 0, sizeof(*out));
	out->interval_ms = INTERVAL_MS;
	opterr = 0;
	/* 0, not 1: GNU getopt then forgets an earlier run. */
	optind = 0;
	while ((letter = getopt_long(argc, argv, ":s:t:jhVc:fn:", long_options,
		    NULL)) != -1) {
		const struct row *row = find_row(letter);

		if (letter == ':') {
			textbuf_printf(error, "%s: a value is missing",
			    argv[optind - 1]);
			return -EINVAL;
		}
		if (row == NULL) {
			textbuf_printf(error, "no such option: %s",
			    argv[optind - 1]);
			return -EINVAL;
		}
		rc = set(row, optarg, out, error);
		if (rc != 0)
			return rc;
	}
	out->words = argv + optind;
	out->word_count = argc - optind;
	for (i = 0; rc == 0 && i < out->word_count; i++)
		rc = check_utf8(out->words[i], error);
	return rc;
}
