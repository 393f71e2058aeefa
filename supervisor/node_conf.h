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
};

/* Parses and validates; what is computed (host name, workers per CPU) is
 * filled in.  On failure (-errno) *out is untouched and errors has one line a
 * mistake: file, line, key, what is wrong. */
int node_conf_load(const char *path, struct node_conf *out,
    struct textbuf *errors);
void node_conf_clear(struct node_conf *conf);

/* The effective configuration with each value's origin (-T). */
void node_conf_print(const struct node_conf *conf, struct textbuf *out);

/* A sealed memfd with a packed Settings message: what programs of that bit
 * (SETTINGS_GATEWAY, ...) are to know.  -errno. */
int node_conf_pack(const struct node_conf *conf, uint32_t program, int *out_fd);

/* Where a value comes from: "file:line" or "default". */
void node_conf_origin(const struct node_conf *conf, const char *name,
    struct textbuf *out);

#endif
