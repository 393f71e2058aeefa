/* SPDX-License-Identifier: ISC */
/*
 * The memory limit of a control group (see memory_limit.h and cgroups(7)).  A
 * line of /proc/self/cgroup is ID:CONTROLLERS:PATH; version 2 has the ID 0 and
 * no controllers, version 1 keeps memory in a hierarchy of its own.
 */
#include "supervisor/memory_limit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"

#define LINES_MAX   8192
#define LEAST_ARENA (UINT64_C(16) << 20) /* of memory.max_arena */
/* Version 1 writes "no limit" as the largest number of whole pages. */
#define HARDLY_A_LIMIT (UINT64_C(1) << 62)

static uint64_t
read_limit(const char *root, const char *folder, const char *file)
{
	char path[PATH_MAX], text[64], *end;
	unsigned long long value;
	size_t len;
	int n;

	n = snprintf(path, sizeof(path), "%s%s/%s", root, folder, file);
	if (n < 0 || (size_t)n >= sizeof(path) ||
	    fd_read_file(path, text, sizeof(text), &len) != 0)
		return MEMORY_UNLIMITED;
	value = strtoull(text, &end, 10);
	if (end == text || value >= HARDLY_A_LIMIT)
		return MEMORY_UNLIMITED; /* "max" */
	return value;
}

/* The lowest of a folder and those above it. */
static uint64_t
lowest(const char *root, const char *group, const char *file)
{
	uint64_t limit = MEMORY_UNLIMITED;
	char folder[PATH_MAX], *slash;

	if (snprintf(folder, sizeof(folder), "%s", group) >=
	    (int)sizeof(folder))
		return limit;
	for (;;) {
		uint64_t own = read_limit(root, folder, file);

		if (own < limit)
			limit = own;
		slash = strrchr(folder, '/');
		if (slash == NULL)
			return limit;
		*slash = '\0';
	}
}

static uint64_t
limit_of_line(const char *root, char *line)
{
	char *controllers = strchr(line, ':'), *group, *word, *rest = NULL;
	char memory_root[PATH_MAX];

	if (controllers == NULL)
		return MEMORY_UNLIMITED;
	*controllers++ = '\0';
	group = strchr(controllers, ':');
	if (group == NULL)
		return MEMORY_UNLIMITED;
	*group++ = '\0';
	if (*controllers == '\0')
		return lowest(root, group, "memory.max");
	(void)snprintf(memory_root, sizeof(memory_root), "%s/memory", root);
	for (word = strtok_r(controllers, ",", &rest); word != NULL;
	     word = strtok_r(NULL, ",", &rest))
		if (strcmp(word, "memory") == 0)
			return lowest(memory_root, group,
			    "memory.limit_in_bytes");
	return MEMORY_UNLIMITED;
}

uint64_t
memory_limit(const char *proc_file, const char *root)
{
	char text[LINES_MAX], *line, *rest = NULL;
	uint64_t limit = MEMORY_UNLIMITED;
	size_t len;

	if (fd_read_file(proc_file, text, sizeof(text), &len) != 0)
		return limit;
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		uint64_t own = limit_of_line(root, line);

		if (own < limit)
			limit = own;
	}
	return limit;
}

uint64_t
memory_limit_arena(uint64_t limit)
{
	uint64_t half = limit / 2;

	if (limit == MEMORY_UNLIMITED)
		return limit;
	return half < LEAST_ARENA ? LEAST_ARENA : half;
}
