/* SPDX-License-Identifier: ISC */
/*
 * The flat config tree (see conf_tree.h). Searches walk the list: a config has
 * some hundred values and is read once per start or reload.
 */
#include "lib/conf_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
	[CONF_NODE_GROUP] = "group",
	[CONF_NODE_LIST] = "list",
	[CONF_NODE_BOOL] = "boolean",
	[CONF_NODE_INT] = "whole number",
	[CONF_NODE_FLOAT] = "fraction",
	[CONF_NODE_STRING] = "string",
};

const char *
conf_node_type_name(enum conf_node_type type)
{
	return (unsigned)type <= CONF_NODE_STRING ? type_names[type] : "?";
}

void
conf_tree_init(struct conf_tree *tree)
{
	memset(tree, 0, sizeof(*tree));
}

static void
node_clear(struct conf_node *node)
{
	free(node->path);
	free(node->text);
	free(node->file);
}

void
conf_tree_clear(struct conf_tree *tree)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
		node_clear(&tree->nodes[i]);
	free(tree->nodes);
	conf_tree_init(tree);
}

int
conf_tree_add(struct conf_tree *tree, const char *path,
    enum conf_node_type type, const char *text, const char *file, unsigned line)
{
	struct conf_node node = { .line = line, .type = type };

	if (tree->count == tree->cap) {
		size_t cap = tree->cap == 0 ? 64 : tree->cap * 2;
		struct conf_node *nodes = realloc(tree->nodes,
		    cap * sizeof(*nodes));

		if (nodes == NULL)
			return -ENOMEM;
		tree->nodes = nodes;
		tree->cap = cap;
	}
	node.path = strdup(path);
	node.text = strdup(text);
	node.file = strdup(file);
	if (node.path == NULL || node.text == NULL || node.file == NULL) {
		node_clear(&node);
		return -ENOMEM;
	}
	tree->nodes[tree->count++] = node;
	return 0;
}

const struct conf_node *
conf_tree_find(const struct conf_tree *tree, const char *path)
{
	size_t i;

	for (i = 0; i < tree->count; i++)
		if (strcmp(tree->nodes[i].path, path) == 0)
			return &tree->nodes[i];
	return NULL;
}
