/* SPDX-License-Identifier: ISC */
/*
 * One run of holdfastctl: its options, its connection and the ways to ask and
 * to answer.  Commands return the exit code of the program.
 */
#ifndef HOLDFAST_CTL_CTL_H
#define HOLDFAST_CTL_CTL_H

#include <stdint.h>

#include <jansson.h>

#include "supervisor/ctl/ctl_link.h"
#include "supervisor/ctl/ctl_options.h"
#include "supervisor/ctl/ctl_table.h"

enum ctl_exit {
	CTL_DONE = 0,
	CTL_REFUSED = 1,
	CTL_USAGE = 2,
	CTL_NOT_RUNNING = 3,
	CTL_DEADLINE = 4,
};

struct ctl {
	struct ctl_options options;
	const char *socket; /* borrowed */
	char **args;	    /* borrowed: words behind the command */
	int arg_count;
	struct ctl_link link;
	bool is_served; /* holdfastd has told us something */
};

/* A line before the end, {"progress":..} or {"event":..}; borrowed. */
typedef void ctl_line_cb(const json_t *line, void *arg);

/* Connects unless it is connected; tells what is wrong.  Exit code. */
int ctl_connect(struct ctl *ctl);

/*
 * Asks and waits for the end; the deadline starts anew with each line, and
 * forever when the request follows events.  request is taken over.  *out
 * (may be NULL) is a new reference to the result.  Failures are told.
 */
int ctl_ask(struct ctl *ctl, json_t *request, ctl_line_cb *on_line, void *arg,
    json_t **out);

/* The same for a wait that may outlive holdfastd: when that is replaced, or
 * dies and comes back in time, its successor is asked with again, also taken
 * over. */
int ctl_ask_again(struct ctl *ctl, json_t *request, json_t *again,
    ctl_line_cb *on_line, void *arg, json_t **out);

/* ctl_ask(), quietly: *out is the last line, also {"ok":false,..}.  -errno. */
int ctl_ask_quietly(struct ctl *ctl, const json_t *request,
    ctl_line_cb *on_line, void *arg, json_t **out);

/* Asks a command without arguments and prints its JSON when that is wanted:
 * then *out is NULL. */
int ctl_ask_simply(struct ctl *ctl, const char *command, json_t **out);

/* Prints one line of JSON. */
void ctl_put_json(const json_t *value);
/* Prints and clears it. */
int ctl_put_table(struct ctl_table *table);
/* A line for people, escaped. */
void ctl_put_line(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* A bar of progress over the last one, on stderr; more stands behind it. */
void ctl_put_bar(long long done, long long total, const char *more);

/* Tells what is wrong, on stderr or, with --json, as an object on stdout;
 * returns code. */
int ctl_fail(const struct ctl *ctl, int code, const char *error,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Values of an object that may lack them. */
const char *ctl_text(const json_t *object, const char *key);
json_int_t ctl_int(const json_t *object, const char *key);
double ctl_real(const json_t *object, const char *key);
/* "g0", "r"; "-" without a slot */
const char *ctl_slot_label(const json_t *object, char out[16]);

#endif
