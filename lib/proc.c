/* SPDX-License-Identifier: ISC */
/*
 * Reads /proc/PID/stat (see proc.h).
 */
#include "lib/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/parse.h"

/* Fields of stat behind the name, counted as in proc(5). */
enum { STAT_STATE = 3, STAT_PPID = 4, STAT_PGRP = 5, STAT_START = 22 };

/* The text behind the blank that begins field `to`, from that of STAT_STATE. */
static const char *
skip_to(const char *p, int to)
{
	int field;

	for (field = STAT_STATE; p != NULL && field < to; field++) {
		p = strchr(p, ' ');
		p = p == NULL ? NULL : p + 1;
	}
	return p;
}

static int
number_at(const char *state, int field, uint64_t max, uint64_t *out)
{
	const char *p = skip_to(state, field);

	if (p == NULL || parse_u64_n(p, strspn(p, "0123456789"), 0, max, out))
		return -EPROTO;
	return 0;
}

int
proc_parse(const char *text, struct proc *out)
{
	/* The name, field 2, may hold blanks and parentheses. */
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct proc proc = { 0 };
	uint64_t pid, parent, group;
	size_t len;

	if (open == NULL || close == NULL || close < open || close[1] != ' ' ||
	    close[2] == '\0')
		return -EPROTO;
	if (parse_u64_n(text, strspn(text, "0123456789"), 1, INT32_MAX, &pid) ||
	    number_at(close + 2, STAT_PPID, INT32_MAX, &parent) != 0 ||
	    number_at(close + 2, STAT_PGRP, INT32_MAX, &group) != 0 ||
	    number_at(close + 2, STAT_START, UINT64_MAX, &proc.start_time) != 0)
		return -EPROTO;
	len = (size_t)(close - open - 1);
	if (len >= sizeof(proc.name))
		len = sizeof(proc.name) - 1;
	memcpy(proc.name, open + 1, len);
	proc.state = close[2];
	proc.pid = (pid_t)pid;
	proc.parent = (pid_t)parent;
	proc.group = (pid_t)group;
	*out = proc;
	return 0;
}

int
proc_read(pid_t pid, struct proc *out)
{
	char path[64], text[2048];
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	rc = fd_read_file(path, text, sizeof(text), &len);
	return rc != 0 ? rc : proc_parse(text, out);
}

uint64_t
proc_start_time(pid_t pid)
{
	struct proc proc;

	return proc_read(pid, &proc) == 0 ? proc.start_time : 0;
}

bool
proc_is_alive(pid_t pid, uint64_t start_time)
{
	struct proc proc;

	return pid > 1 && proc_read(pid, &proc) == 0 &&
	    proc.start_time == start_time && proc.state != 'Z' &&
	    proc.state != 'X';
}
