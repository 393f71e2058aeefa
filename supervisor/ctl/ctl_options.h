/* SPDX-License-Identifier: ISC */
/*
 * The command line of holdfastctl.  All options have one form wherever they
 * stand; each command says which of them it takes.  Pure but for getopt's
 * globals.
 */
#ifndef HOLDFAST_CTL_CTL_OPTIONS_H
#define HOLDFAST_CTL_CTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/textbuf.h"

/* Bits of the options that only some commands take. */
enum {
	CTL_OPT_FILTER = 1 << 0,
	CTL_OPT_LIMIT = 1 << 1,
	CTL_OPT_OFFSET = 1 << 2,
	CTL_OPT_SLOT = 1 << 3,
	CTL_OPT_COLUMNS = 1 << 4,
	CTL_OPT_CODE = 1 << 5,
	CTL_OPT_REASON = 1 << 6,
	CTL_OPT_NOW = 1 << 7,
	CTL_OPT_WITHIN = 1 << 8,
	CTL_OPT_FOLLOW = 1 << 9,
	CTL_OPT_SINCE = 1 << 10,
	CTL_OPT_INTERVAL = 1 << 11,
	CTL_OPT_COUNT = 1 << 12,
	CTL_OPT_PROFILE = 1 << 13,
	CTL_OPT_PLAN = 1 << 14,
	CTL_OPT_WAIT = 1 << 15,
	CTL_OPT_KEEPERS = 1 << 20,
	CTL_OPT_BINARY = 1 << 21,
	CTL_OPT_FORCE = 1 << 22,
	CTL_OPT_NODE = 1 << 23,
};

struct ctl_options {
	const char *socket; /* NULL: not said */
	bool json;
	bool help;
	bool version;
	uint64_t timeout_ms; /* 0: not said */
	uint32_t given;	     /* CTL_OPT_* */
	const char *filter;
	uint32_t limit;
	uint32_t offset;
	uint32_t slot;
	const char *columns;
	uint32_t code;
	const char *reason;
	uint64_t since_ms;
	uint64_t interval_ms;
	uint32_t count;
	uint64_t within_ms;
	const char *profile;
	const char *binary;
	/* the command, then its arguments; borrowed */
	char **words;
	int word_count;
};

/*
 * Reads argv, whose order it changes (words come last).  -EINVAL with a line
 * in error.
 */
int ctl_options_parse(int argc, char **argv, struct ctl_options *out,
    struct textbuf *error) __attribute__((warn_unused_result));

/* The name of the first option of the bits, for a message. */
const char *ctl_options_name(uint32_t bits);

#endif
