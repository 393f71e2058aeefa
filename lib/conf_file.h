/* SPDX-License-Identifier: ISC */
/*
 * Reads a libconfig file into a conf_tree. The only module that knows
 * libconfig; supervisor and `holdfastd -n` call it.
 */
#ifndef HOLDFAST_LIB_CONF_FILE_H
#define HOLDFAST_LIB_CONF_FILE_H

#include <stddef.h>

#include "lib/conf_tree.h"

#define CONF_FILE_MAX_BYTES  (1024u * 1024u)
#define CONF_FILE_ERROR_SIZE 512

/*
 * Loads a regular file of at most CONF_FILE_MAX_BYTES; @include is relative to
 * its folder. On failure *out_tree is empty and out_error holds one line for
 * people ("/etc/holdfast.conf:12: syntax error"): -ENOENT and the like from
 * open(), -EFBIG, -EINVAL (syntax, depth), -ENOMEM. On success the caller
 * clears the tree.
 */
int conf_file_load(const char *path, struct conf_tree *out_tree,
    char out_error[CONF_FILE_ERROR_SIZE]);

/* The same for text in memory, which may not @include; name is for errors. */
int conf_file_parse(const char *text, const char *name,
    struct conf_tree *out_tree, char out_error[CONF_FILE_ERROR_SIZE]);

#endif
