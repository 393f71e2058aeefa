/* SPDX-License-Identifier: ISC */
/*
 * A config file as a flat list of named values with their origin, free of any
 * parser's types: lib/conf_file.c fills it, lib/conf_table.c reads it. Names
 * are paths as in "node.workers" or "listen[0].port"; groups and lists have an
 * entry of their own, before those of what is in them.
 */
#ifndef HOLDFAST_LIB_CONF_TREE_H
#define HOLDFAST_LIB_CONF_TREE_H

#include <stddef.h>

enum conf_node_type {
	CONF_NODE_GROUP, /* text is "" */
	CONF_NODE_LIST,	 /* text is "" */
	CONF_NODE_BOOL,	 /* "true" or "false" */
	CONF_NODE_INT,	 /* decimal, may be negative */
	CONF_NODE_FLOAT, /* decimal fraction, no exponent */
	CONF_NODE_STRING,
};

struct conf_node {
	char *path; /* owned */
	char *text; /* owned */
	char *file; /* owned */
	unsigned line;
	enum conf_node_type type;
};

struct conf_tree {
	struct conf_node *nodes; /* owned; in the file's order */
	size_t count;
	size_t cap;
};

const char *conf_node_type_name(enum conf_node_type type);

void conf_tree_init(struct conf_tree *tree);
void conf_tree_clear(struct conf_tree *tree);

/* Copies all texts. -ENOMEM leaves the tree as it was. */
int conf_tree_add(struct conf_tree *tree, const char *path,
    enum conf_node_type type, const char *text, const char *file,
    unsigned line);

/* NULL when the file does not say it. */
const struct conf_node *conf_tree_find(const struct conf_tree *tree,
    const char *path);

#endif
