/* SPDX-License-Identifier: ISC */
/*
 * Process attributes of keepers and tenants (see process.h).  Owns nothing;
 * each read of /proc opens an fd that is closed before the call returns.
 */
#include "worker/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/parse.h"

#define OOM_SCORE      "500"
#define STATUS_SIZE    4096
#define LEAST_FDS      64
#define LEAST_PRIORITY 19

static void
set_handler(int signo, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigemptyset(&action.sa_mask);
	sigaction(signo, &action, NULL);
}

void
process_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT,
		SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGXFSZ };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		set_handler(ignored[i], SIG_IGN);
	/* Inherited as ignored, it would make waitid(2) forget the child. */
	set_handler(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void
process_name(const char *label)
{
	char name[PROCESS_LABEL_SIZE + 4];

	snprintf(name, sizeof(name), "hf-%s", label);
	prctl(PR_SET_NAME, name);
}

int
process_offer_to_oom(void)
{
	return fd_write_file("/proc/self/oom_score_adj", OOM_SCORE);
}

int
process_core_limit(bool wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == -1)
		return -errno;
	limit.rlim_cur = wanted ? limit.rlim_max : 0;
	return setrlimit(RLIMIT_CORE, &limit) == -1 ? -errno : 0;
}

int
process_forbid_fds(uint64_t *out_limit)
{
	struct rlimit limit;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	before = limit.rlim_cur;
	/* Not 0, which poll(2) would take for the number of fds it may see. */
	limit.rlim_cur = STDERR_FILENO + 1;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	*out_limit = before;
	return 0;
}

int
process_allow_fds(uint64_t limit)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) == -1)
		return -errno;
	now.rlim_cur = (rlim_t)limit;
	return setrlimit(RLIMIT_NOFILE, &now) == -1 ? -errno : 0;
}

int
process_move_fd_limit(int by)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	if ((int64_t)limit.rlim_cur + by < LEAST_FDS)
		return 0;
	limit.rlim_cur = (rlim_t)((int64_t)limit.rlim_cur + by);
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == -1 ? -errno : 0;
}

void
process_unpin(cpu_set_t *out_before)
{
	cpu_set_t all;

	CPU_ZERO(out_before);
	if (sched_getaffinity(0, sizeof(*out_before), out_before) == -1)
		return;
	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
}

void
process_pin(const cpu_set_t *before)
{
	if (CPU_COUNT(before) > 0)
		(void)sched_setaffinity(0, sizeof(*before), before);
}

void
process_step_back(void)
{
	(void)setpriority(PRIO_PROCESS, 0, LEAST_PRIORITY);
}

/* The unsigned number behind blanks at p, whatever follows it. */
static int
read_number(const char *p, uint64_t *out)
{
	size_t len;

	p += strspn(p, " \t");
	len = strspn(p, "0123456789");
	return parse_u64_n(p, len, 0, UINT64_MAX, out);
}

int
process_status(const char *key, uint64_t *out)
{
	char text[STATUS_SIZE];
	size_t key_len = strlen(key);
	size_t len;
	int rc;

	rc = fd_read_file("/proc/self/status", text, sizeof(text), &len);
	if (rc != 0)
		return rc;
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, key_len) == 0 && line[key_len] == ':')
			return read_number(line + key_len + 1, out);
	}
	return -ENOENT;
}
