/* SPDX-License-Identifier: ISC */
/*
 * config show, and config check, which is holdfastd's own check: the program
 * that will read the file says whether it can.
 */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/ctl/ctl_command.h"

/* Is key what was asked for, or in that group? */
static bool
is_named(const char *key, const char *asked)
{
	size_t len = strlen(asked);

	return strncmp(key, asked, len) == 0 &&
	    (key[len] == '\0' || key[len] == '.' || key[len] == '[');
}

static bool
is_wanted(const struct ctl *ctl, const char *key)
{
	int i;

	for (i = 0; i < ctl->arg_count; i++) {
		if (is_named(key, ctl->args[i]))
			return true;
	}
	return ctl->arg_count == 0;
}

/* The first argument that names no key and no group, or NULL. */
static const char *
find_unknown(const struct ctl *ctl, const json_t *values)
{
	size_t at;
	int i;

	for (i = 0; i < ctl->arg_count; i++) {
		for (at = 0; at < json_array_size(values); at++) {
			if (is_named(ctl_text(json_array_get(values, at),
					 "key"),
				ctl->args[i]))
				break;
		}
		if (at == json_array_size(values))
			return ctl->args[i];
	}
	return NULL;
}

static void
keep_wanted(const struct ctl *ctl, json_t *values)
{
	size_t i = json_array_size(values);

	while (i-- > 0) {
		if (!is_wanted(ctl, ctl_text(json_array_get(values, i), "key")))
			json_array_remove(values, i);
	}
}

static int
show_values(const json_t *values)
{
	struct ctl_table table;
	size_t i;

	ctl_table_init(&table);
	ctl_table_column(&table, "KEY", CTL_LEFT);
	ctl_table_column(&table, "VALUE", CTL_LEFT);
	ctl_table_column(&table, "ORIGIN", CTL_LEFT);
	ctl_table_column(&table, "RELOAD", CTL_LEFT);
	for (i = 0; i < json_array_size(values); i++) {
		const json_t *value = json_array_get(values, i);

		ctl_table_cell(&table, ctl_text(value, "key"));
		ctl_table_cell(&table, ctl_text(value, "value"));
		ctl_table_cell(&table, ctl_text(value, "origin"));
		ctl_table_cell(&table, ctl_text(value, "class"));
	}
	return ctl_put_table(&table);
}

int
cmd_config_show(struct ctl *ctl)
{
	json_t *result, *values;
	const char *unknown;
	int code;

	code = ctl_ask(ctl, json_pack("{s:s}", "command", "config-show"), NULL,
	    NULL, &result);
	if (code != CTL_DONE)
		return code;
	values = json_object_get(result, "values");
	unknown = find_unknown(ctl, values);
	keep_wanted(ctl, values);
	if (unknown != NULL)
		code = ctl_fail(ctl, CTL_REFUSED, "no_such_key",
		    "%s: there is no such key", unknown);
	else if (ctl->options.json)
		ctl_put_json(result);
	else
		code = show_values(values);
	json_decref(result);
	return code;
}

/* Beside us as in a build directory, or as installed, or in the PATH. */
static void
find_holdfastd(char out[PATH_MAX])
{
	char self[PATH_MAX / 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash != NULL) {
		*slash = '\0';
		snprintf(out, PATH_MAX, "%s/holdfastd", self);
		if (access(out, X_OK) == 0)
			return;
		snprintf(out, PATH_MAX, "%s/../sbin/holdfastd", self);
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, PATH_MAX, "holdfastd");
}

/* The file in use when a node runs; NULL: holdfastd's default.  Malloced. */
static char *
file_in_use(struct ctl *ctl)
{
	json_t *request = json_pack("{s:s}", "command", "config-show");
	json_t *answer = NULL;
	char *file = NULL;

	if (ctl_link_open(&ctl->link, ctl->socket) == 0 &&
	    ctl_ask_quietly(ctl, request, NULL, NULL, &answer) == 0) {
		const char *text = ctl_text(json_object_get(answer, "result"),
		    "file");

		/* Where that node was started is not where we are. */
		if (text[0] == '/')
			file = strdup(text);
	}
	json_decref(answer);
	json_decref(request);
	return file;
}

static int
run_check(const struct ctl *ctl, const char *file)
{
	extern char **environ;
	char program[PATH_MAX], name[] = "holdfastd", n[] = "-n", c[] = "-c";
	char *copy = file == NULL ? NULL : strdup(file);
	char *argv[] = { name, n, copy == NULL ? NULL : c, copy, NULL };
	int status, rc;
	pid_t pid;

	find_holdfastd(program);
	fflush(stdout);
	rc = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
	free(copy);
	if (rc != 0)
		return ctl_fail(ctl, CTL_REFUSED, "no_holdfastd",
		    "holdfastd, which checks the file, is not found: %s",
		    strerror(rc));
	while ((rc = waitpid(pid, &status, 0)) == -1 && errno == EINTR)
		;
	if (rc == -1 || !WIFEXITED(status))
		return ctl_fail(ctl, CTL_REFUSED, "check_failed",
		    "holdfastd -n did not end as it should");
	return WEXITSTATUS(status) == 0 ? CTL_DONE : CTL_REFUSED;
}

int
cmd_config_check(struct ctl *ctl)
{
	char *in_use = ctl->arg_count > 0 ? NULL : file_in_use(ctl);
	const char *file = ctl->arg_count > 0 ? ctl->args[0] : in_use;
	const char *name = file == NULL ? "holdfastd's default file" : file;
	int code = run_check(ctl, file);
	json_t *result;

	if (ctl->options.json) {
		result = json_pack("{s:s, s:b}", "file",
		    file == NULL ? "" : file, "good", code == CTL_DONE);
		ctl_put_json(result);
		json_decref(result);
	} else if (code == CTL_DONE) {
		ctl_put_line("%s: good", name);
	}
	free(in_use);
	return code;
}
