/* SPDX-License-Identifier: ISC */
/*
 * libconfig to conf_tree (see conf_file.h).
 */
#include "lib/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/conf_scan.h"
#include "lib/fd.h"
#include "lib/parse.h"

#define MAX_DEPTH      6
#define PATH_MAX_BYTES 256

/* A walk over libconfig's settings. */
struct walk {
	struct conf_tree *tree;
	const char *name; /* of the file that was asked for */
	char *error;
};

static int
add_node(struct walk *walk, const config_setting_t *setting, const char *path,
    enum conf_node_type type, const char *text)
{
	const char *file = config_setting_source_file(setting);

	return conf_tree_add(walk->tree, path, type, text,
	    file == NULL ? walk->name : file,
	    config_setting_source_line(setting));
}

static int
add_scalar(struct walk *walk, const config_setting_t *setting, const char *path)
{
	char text[FORMAT_SCALAR_SIZE];
	const char *string;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		return add_node(walk, setting, path, CONF_NODE_BOOL,
		    config_setting_get_bool(setting) ? "true" : "false");
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(text, sizeof(text), "%lld",
		    config_setting_get_int64(setting));
		return add_node(walk, setting, path, CONF_NODE_INT, text);
	case CONFIG_TYPE_FLOAT:
		if (format_double(config_setting_get_float(setting), text,
			sizeof(text)) == 0)
			snprintf(text, sizeof(text), "%g",
			    config_setting_get_float(setting));
		return add_node(walk, setting, path, CONF_NODE_FLOAT, text);
	default:
		string = config_setting_get_string(setting);
		return add_node(walk, setting, path, CONF_NODE_STRING,
		    string == NULL ? "" : string);
	}
}

static int
walk_error(struct walk *walk, const config_setting_t *setting,
    const char *reason)
{
	const char *file = config_setting_source_file(setting);

	snprintf(walk->error, CONF_FILE_ERROR_SIZE, "%s:%u: %s",
	    file == NULL ? walk->name : file,
	    (unsigned)config_setting_source_line(setting), reason);
	return -EINVAL;
}

static int add_setting(struct walk *walk, config_setting_t *setting,
    const char *path, int depth);

static int
add_children(struct walk *walk, config_setting_t *setting, const char *path,
    int depth)
{
	int count = config_setting_length(setting);
	int is_group = config_setting_is_group(setting);
	char child_path[PATH_MAX_BYTES];
	int i, n, rc;

	for (i = 0; i < count; i++) {
		config_setting_t *child = config_setting_get_elem(setting,
		    (unsigned)i);

		if (is_group)
			n = snprintf(child_path, sizeof(child_path), "%s%s%s",
			    path, path[0] == '\0' ? "" : ".",
			    config_setting_name(child));
		else
			n = snprintf(child_path, sizeof(child_path), "%s[%d]",
			    path, i);
		if (n < 0 || (size_t)n >= sizeof(child_path))
			return walk_error(walk, child, "name is too long");
		rc = add_setting(walk, child, child_path, depth + 1);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
add_setting(struct walk *walk, config_setting_t *setting, const char *path,
    int depth)
{
	int rc;

	if (!config_setting_is_aggregate(setting))
		return add_scalar(walk, setting, path);
	if (depth > MAX_DEPTH)
		return walk_error(walk, setting, "nested too deeply");
	if (depth > 0) {
		rc = add_node(walk, setting, path,
		    config_setting_is_group(setting) ? CONF_NODE_GROUP :
						       CONF_NODE_LIST,
		    "");
		if (rc != 0)
			return rc;
	}
	return add_children(walk, setting, path, depth);
}

/* Turns what libconfig has read, or its error, into our tree. */
static int
finish(config_t *config, int is_read, const char *name,
    struct conf_tree *out_tree, char *out_error)
{
	struct walk walk = { out_tree, name, out_error };
	const char *file;
	int rc;

	if (!is_read) {
		file = config_error_file(config);
		snprintf(out_error, CONF_FILE_ERROR_SIZE, "%s:%d: %s",
		    file == NULL ? name : file, config_error_line(config),
		    config_error_text(config));
		return -EINVAL;
	}
	rc = add_setting(&walk, config_root_setting(config), "", 0);
	if (rc == -ENOMEM)
		snprintf(out_error, CONF_FILE_ERROR_SIZE, "%s: out of memory",
		    name);
	return rc;
}

/* Opens the file and refuses what could block or never end. */
static int
open_regular(const char *path, FILE **out_file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc = 0;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	else if (st.st_size > (off_t)CONF_FILE_MAX_BYTES)
		rc = -EFBIG;
	if (rc == 0 && (*out_file = fdopen(fd, "r")) == NULL)
		rc = -errno;
	if (rc != 0)
		fd_close(&fd);
	return rc;
}

static int
number_error(const char *name, unsigned line, char *out_error)
{
	snprintf(out_error, CONF_FILE_ERROR_SIZE,
	    "%s:%u: number is too big (from 2^31 on it needs an L behind it)",
	    name, line);
	return -EINVAL;
}

/* Reads one of the tree's files again, as text. */
static int
scan_numbers(const char *folder, const char *name, const char *main_path,
    char *out_error)
{
	char *text = malloc(CONF_FILE_MAX_BYTES + 1);
	char path[PATH_MAX_BYTES * 2];
	unsigned line;
	size_t len;
	int rc;

	/* libconfig names an included file as the @include does. */
	if (strcmp(name, main_path) == 0 || name[0] == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, name);
	rc = text == NULL ?
	    -ENOMEM :
	    fd_read_file(path, text, CONF_FILE_MAX_BYTES + 1, &len);
	if (rc != 0)
		snprintf(out_error, CONF_FILE_ERROR_SIZE, "%s: %s", name,
		    strerrordesc_np(-rc));
	else if ((line = conf_scan_big_number(text)) != 0)
		rc = number_error(name, line, out_error);
	free(text);
	return rc;
}

/* Checks each file that a value came from, once. */
static int
scan_all_numbers(const struct conf_tree *tree, const char *folder,
    const char *main_path, char *out_error)
{
	const char *previous = "";
	size_t i;
	int rc;

	for (i = 0; i < tree->count; i++) {
		const char *name = tree->nodes[i].file;

		if (strcmp(name, previous) == 0)
			continue;
		rc = scan_numbers(folder, name, main_path, out_error);
		if (rc != 0)
			return rc;
		previous = name;
	}
	return 0;
}

int
conf_file_load(const char *path, struct conf_tree *out_tree,
    char out_error[CONF_FILE_ERROR_SIZE])
{
	char *copy = strdup(path);
	const char *folder;
	config_t config;
	FILE *file = NULL;
	int rc;

	conf_tree_init(out_tree);
	rc = copy == NULL ? -ENOMEM : open_regular(path, &file);
	if (rc != 0) {
		snprintf(out_error, CONF_FILE_ERROR_SIZE, "%s: %s", path,
		    rc == -EINVAL ? "not a regular file" :
				    strerrordesc_np(-rc));
		free(copy);
		return rc;
	}
	config_init(&config);
	folder = dirname(copy);
	config_set_include_dir(&config, folder);
	rc = finish(&config, config_read(&config, file), path, out_tree,
	    out_error);
	config_destroy(&config);
	fclose(file);
	if (rc == 0)
		rc = scan_all_numbers(out_tree, folder, path, out_error);
	if (rc != 0)
		conf_tree_clear(out_tree);
	free(copy);
	return rc;
}

int
conf_file_parse(const char *text, const char *name, struct conf_tree *out_tree,
    char out_error[CONF_FILE_ERROR_SIZE])
{
	config_t config;
	unsigned line;
	int rc;

	conf_tree_init(out_tree);
	if (strlen(text) > CONF_FILE_MAX_BYTES) {
		snprintf(out_error, CONF_FILE_ERROR_SIZE, "%s: %s", name,
		    strerrordesc_np(EFBIG));
		return -EFBIG;
	}
	config_init(&config);
	/* No file can be found below a device, so every @include fails. */
	config_set_include_dir(&config, "/dev/null");
	rc = finish(&config, config_read_string(&config, text), name, out_tree,
	    out_error);
	config_destroy(&config);
	line = rc == 0 ? conf_scan_big_number(text) : 0;
	if (line != 0)
		rc = number_error(name, line, out_error);
	if (rc != 0)
		conf_tree_clear(out_tree);
	return rc;
}
