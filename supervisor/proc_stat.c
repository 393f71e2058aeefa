/* SPDX-License-Identifier: ISC */
/*
 * Reads /proc/PID/stat and status (see proc_stat.h).
 */
#include "supervisor/proc_stat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"

/* Fields of stat, counted as in proc(5). */
enum {
	STAT_STATE = 3,
	STAT_UTIME = 14,
	STAT_STIME = 15,
	STAT_RSS = 24,
	STAT_CPU = 39,
	STAT_END = 40
};

static int
read_stat(pid_t pid, struct proc_stat *stat)
{
	unsigned long long field[STAT_END] = { 0 };
	char path[64], text[1024], *p, *word, *rest = NULL;
	long hz = sysconf(_SC_CLK_TCK);
	size_t len;
	int i, rc;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	rc = fd_read_file(path, text, sizeof(text), &len);
	if (rc != 0)
		return rc;
	/* Behind the name, which may hold blanks and parentheses. */
	p = strrchr(text, ')');
	if (p == NULL)
		return -EPROTO;
	for (i = STAT_STATE, word = strtok_r(p + 1, " ", &rest);
	     word != NULL && i < STAT_END;
	     i++, word = strtok_r(NULL, " ", &rest))
		field[i] = strtoull(word, NULL, 10);
	if (i < STAT_END)
		return -EPROTO;
	stat->cpu_s = (double)(field[STAT_UTIME] + field[STAT_STIME]) /
	    (double)(hz > 0 ? hz : 100);
	stat->last_cpu = (int)field[STAT_CPU];
	stat->rss_bytes = field[STAT_RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static uint64_t
read_private(pid_t pid)
{
	char path[64], text[8192];
	const char *p;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (fd_read_file(path, text, sizeof(text), &len) != 0)
		return 0;
	p = strstr(text, "\nRssAnon:");
	return p == NULL ? 0 : strtoull(p + 9, NULL, 10) * 1024;
}

int
proc_stat_read(pid_t pid, struct proc_stat *out)
{
	struct proc_stat stat = { 0 };
	int rc = read_stat(pid, &stat);

	if (rc != 0)
		return rc;
	stat.private_bytes = read_private(pid);
	*out = stat;
	return 0;
}
