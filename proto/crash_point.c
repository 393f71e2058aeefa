/* SPDX-License-Identifier: ISC */
/*
 * Crash points: in a build with HOLDFAST_CRASHPOINTS every commit_store()
 * (proto/slot.h) calls crash_point() before and after its store, and a test
 * can have the process die at any one of them:
 *
 *   HOLDFAST_CRASH_AT=table.c:123:4  SIGKILL on the fourth passage of the
 *                                    point at that line (odd: before the
 *                                    store, even: after it)
 *   HOLDFAST_CRASH_ONCE=PATH         only if this file exists; it is removed
 *                                    first, so that the successor lives
 *   HOLDFAST_CRASH_LIST=PATH         appends "file:line" of each point when it
 *                                    is passed for the first time
 *
 *   HOLDFAST_CRASH_CONTROL=PATH      a file that is mapped: while it begins
 *                                    with a point as in CRASH_LIST, an "a"
 *                                    behind it for after the store, the
 *                                    number at offset 248 is counted down
 *                                    at each passage; at zero the text is
 *                                    cleared and the process dies.  Only in
 *                                    processes whose name (PR_GET_NAME)
 *                                    begins with the text at offset 256.
 *                                    A second point at offset 512 takes the
 *                                    first one's place then.  A signal other
 *                                    than SIGKILL stands at offset 252
 *
 * Counts are per process; a tenant inherits its keeper's, which are zero.
 */
#include "proto/slot.h"

#ifdef HOLDFAST_CRASHPOINTS
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MAX_POINTS 512u

struct point {
	const char *file;
	int line;
	unsigned long passed;
};

static struct point points[MAX_POINTS];

#define CONTROL_BYTES 4096
#define CONTROL_COUNT 248

struct control {
	char where[CONTROL_COUNT];
	int32_t left;
	int32_t signo; /* 0: SIGKILL */
	char who[16];
	char unused2[512 - CONTROL_COUNT - 8 - 16];
	char next[CONTROL_COUNT];
	int32_t next_left;
};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
list_point(const struct point *p)
{
	const char *path = getenv("HOLDFAST_CRASH_LIST");
	char text[256];
	int fd, n;

	if (path == NULL)
		return;
	n = snprintf(text, sizeof(text), "%s:%d\n", base_name(p->file),
	    p->line);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd == -1)
		return;
	/* A point that is not listed is not tested; nothing else is lost. */
	if (write(fd, text, (size_t)n) != n)
		fprintf(stderr, "crash_point: cannot list %s", text);
	close(fd);
}

/* NULL: the table is full, which a test notices by the missing list entry. */
static struct point *
find_point(const char *file, int line)
{
	unsigned i = ((unsigned)line * 31u) % MAX_POINTS;

	for (unsigned n = 0; n < MAX_POINTS; n++, i = (i + 1) % MAX_POINTS) {
		struct point *p = &points[i];

		if (p->file == NULL) {
			p->file = file;
			p->line = line;
			list_point(p);
			return p;
		}
		if (p->line == line && strcmp(p->file, file) == 0)
			return p;
	}
	return NULL;
}

/* Is `wanted`, "file:line:count", this passage? */
static bool
is_due(const char *wanted, const struct point *p)
{
	char text[256];

	snprintf(text, sizeof(text), "%s:%d:%lu", base_name(p->file), p->line,
	    p->passed);
	return strcmp(base_name(wanted), text) == 0;
}

/* The mapped control file; NULL: none. */
static volatile struct control *
find_control(void)
{
	static volatile struct control *control;
	static bool asked;
	const char *path;
	void *p;
	int fd;

	if (asked)
		return control;
	asked = true;
	path = getenv("HOLDFAST_CRASH_CONTROL");
	fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd == -1)
		return NULL;
	p = mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
	return control;
}

static bool
is_meant(const volatile struct control *control)
{
	char name[16] = "";

	if (prctl(PR_GET_NAME, name) != 0)
		return false;
	for (unsigned i = 0; i < sizeof(name); i++)
		if (control->who[i] == '\0' || control->who[i] != name[i])
			return control->who[i] == '\0';
	return true;
}

static void
obey_control(const struct point *p)
{
	volatile struct control *control = find_control();
	char text[CONTROL_COUNT], wanted[CONTROL_COUNT];

	if (control == NULL || control->where[0] == '\0')
		return;
	if (!is_meant(control))
		return;
	for (unsigned i = 0; i < CONTROL_COUNT; i++)
		wanted[i] = control->where[i];
	wanted[CONTROL_COUNT - 1] = '\0';
	snprintf(text, sizeof(text), "%s:%d%s", base_name(p->file), p->line,
	    p->passed % 2 == 0 ? "a" : "");
	if (strcmp(text, wanted) != 0 || --control->left > 0)
		return;
	control->left = control->next_left;
	for (unsigned i = CONTROL_COUNT; i-- > 0;)
		control->where[i] = control->next[i];
	control->next[0] = '\0';
	kill(getpid(), control->signo != 0 ? control->signo : SIGKILL);
}

void
crash_point(const char *file, int line)
{
	/* Asked each time: tests fork, then say what is to happen. */
	const char *wanted = getenv("HOLDFAST_CRASH_AT");
	struct point *p;
	const char *once;

	p = find_point(file, line);
	if (p == NULL)
		return;
	p->passed++;
	obey_control(p);
	if (wanted == NULL || !is_due(wanted, p))
		return;
	once = getenv("HOLDFAST_CRASH_ONCE");
	if (once == NULL || unlink(once) == 0)
		kill(getpid(), SIGKILL);
}
#endif
