/* SPDX-License-Identifier: ISC */
/*
 * The effective configuration of the node: settings, and the tree of the file
 * they came from, so that each value's origin can be told.
 */
#ifndef HOLDFAST_SUPERVISOR_NODE_CONF_H
#define HOLDFAST_SUPERVISOR_NODE_CONF_H

#include <stdint.h>

#include "lib/conf_tree.h"
#include "lib/textbuf.h"
#include "proto/settings.h"

struct node_conf {
	struct settings settings;
	struct conf_tree tree;
	uint64_t generation; /* 1 at the start, one more with each reload */
	uint64_t
	    asked_arena; /* memory.max_arena before it was lowered to
			    suit the control group's limit; 0: it was not */
	/* Who set a value that is not the file's any more; NULL: nobody has.
	 * Literals; a reload brings the file's values back. */
	const char *level_set_by;
	const char *workers_set_by;
};

/* Parses and validates; what is computed (host name, workers per CPU, what the
 * control group's memory allows) is filled in.  On failure (-errno) *out is
 * untouched and errors has one line a mistake: file, line, key, what is wrong.
 */
int node_conf_load(const char *path, struct node_conf *out,
    struct textbuf *errors);
void node_conf_clear(struct node_conf *conf);

/* The effective configuration with each value's origin (-T). */
void node_conf_print(const struct node_conf *conf, struct textbuf *out);

/* A sealed memfd with a packed Settings message: what programs of that bit
 * (SETTINGS_GATEWAY, ...) are to know.  -errno. */
int node_conf_pack(const struct node_conf *conf, uint32_t program, int *out_fd);

/* Where a value comes from: "file:line", "default", or the command that has
 * set it since. */
void node_conf_origin(const struct node_conf *conf, const char *name,
    struct textbuf *out);

#endif
