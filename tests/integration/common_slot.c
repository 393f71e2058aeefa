/* SPDX-License-Identifier: ISC */
/*
 * A running slot, see common_slot.h.  The table is known by its magic and by
 * the keeper's pid in it, the arena by the directory in the header.
 */
#include "tests/integration/common_slot.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
slot_view_open_fd(int pid, int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
is_memfd(int keeper, const char *name, const char *kind)
{
	char path[300], target[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", keeper, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return strncmp(target, kind, strlen(kind)) == 0;
}

/* A gateway's keeper holds one table, its own. */
static int
find_table(int keeper)
{
	char path[32];
	struct dirent *entry;
	DIR *dir;
	int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", keeper);
	dir = opendir(path);
	if (dir == NULL)
		err(2, "%s", path);
	while (fd < 0 && (entry = readdir(dir)) != NULL)
		if (is_memfd(keeper, entry->d_name, "/memfd:holdfast-table"))
			fd = slot_view_open_fd(keeper, atoi(entry->d_name));
	closedir(dir);
	if (fd < 0)
		errx(2, "%s: no table", path);
	return fd;
}

void
slot_view_open(struct slot_view *v, int keeper)
{
	const struct slot_header *h;
	struct stat st;
	void *p;
	int rc;

	memset(v, 0, sizeof(*v));
	v->keeper = keeper;
	v->table_fd = find_table(keeper);
	rc = table_attach(&v->table, v->table_fd, 0);
	if (rc != 0)
		errx(2, "table: %s", strerror(-rc));
	h = v->table.header;
	if ((int)h->keeper_pid != keeper || h->kind != SLOT_KIND_GATEWAY)
		errx(2, "%d is not the keeper of this table", keeper);
	v->arena_fd = -1;
	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		if (h->fds[i].kind == SLOT_FD_ARENA)
			v->arena_fd = slot_view_open_fd(keeper, h->fds[i].fd);
	if (v->arena_fd < 0 || fstat(v->arena_fd, &st) != 0)
		errx(2, "no arena");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, v->arena_fd,
	    0);
	if (p == MAP_FAILED)
		err(2, "arena");
	v->arena = p;
	v->arena_bytes = (uint64_t)st.st_size;
}

void
slot_view_close(struct slot_view *v)
{
	union {
		const unsigned char *mapped;
		void *p;
	} arena = { .mapped = v->arena };

	table_detach(&v->table);
	(void)munmap(arena.p, v->arena_bytes);
	close(v->table_fd);
	close(v->arena_fd);
}
