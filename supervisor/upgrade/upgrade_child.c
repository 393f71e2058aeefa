/* SPDX-License-Identifier: ISC */
/*
 * Fork and exec of a holdfastd (see upgrade_child.h).  The listen sockets go
 * the way a service manager would give them (sd_listen_fds(3)), so that the
 * incoming one needs no code of its own for them.
 */
#include "supervisor/upgrade/upgrade_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/fd.h"
#include "supervisor/notify.h"

#define FIRST_FD     3 /* SD_LISTEN_FDS_START */
#define ASIDE_FD     256
#define MAX_FDS	     (SLOT_MAX_LISTENERS + LISTENER_SINGLES + UPGRADE_CHILD_FDS)
#define EXIT_NO_EXEC 127

/* What is inherited, in the order of the numbers it gets. */
struct heritage {
	int fds[MAX_FDS];
	int count;
	int listeners;
	char names[MAX_FDS * 8]; /* LISTEN_FDNAMES */
	char option[UPGRADE_CHILD_FDS][3];
	char number[UPGRADE_CHILD_FDS][16];
	int options;
};

static void
add_listener(struct heritage *all, const struct listener *listener,
    const char *name)
{
	size_t len = strlen(all->names);

	if (listener->fd == -1)
		return;
	snprintf(all->names + len, sizeof(all->names) - len, "%s%s",
	    len == 0 ? "" : ":", name);
	all->fds[all->count++] = listener->fd;
	all->listeners++;
}

static void
collect(const struct upgrade_child_spec *spec, struct heritage *all)
{
	const struct listener_set *set = spec->listeners;
	int i;

	memset(all, 0, sizeof(*all));
	for (i = 0; set != NULL && i < (int)set->count; i++)
		add_listener(all, &set->clients[i], LISTENER_NAME_CLIENTS);
	if (set != NULL) {
		add_listener(all, &set->api, LISTENER_NAME_API);
		add_listener(all, &set->admin, LISTENER_NAME_ADMIN);
		add_listener(all, &set->agent, LISTENER_NAME_AGENT);
		add_listener(all, &set->peers, LISTENER_NAME_PEERS);
	}
	for (i = 0; i < UPGRADE_CHILD_FDS; i++) {
		if (spec->fd[i].fd == -1)
			continue;
		snprintf(all->option[all->options], sizeof(all->option[0]),
		    "-%c", spec->fd[i].option);
		snprintf(all->number[all->options++], sizeof(all->number[0]),
		    "%d", FIRST_FD + all->count);
		all->fds[all->count++] = spec->fd[i].fd;
	}
}

/* 3 and up what is inherited, and nothing else. */
static int
arrange_fds(const struct upgrade_child_spec *spec, struct heritage *all)
{
	int i, aside[MAX_FDS];

	if (spec->output != -1 &&
	    (dup2(spec->output, 1) == -1 || dup2(spec->output, 2) == -1))
		return -errno;
	/* Out of the way first: each may sit on a number that we fill. */
	for (i = 0; i < all->count; i++) {
		aside[i] = fcntl(all->fds[i], F_DUPFD_CLOEXEC, ASIDE_FD);
		if (aside[i] == -1)
			return -errno;
	}
	for (i = 0; i < all->count; i++) {
		if (dup2(aside[i], FIRST_FD + i) == -1)
			return -errno;
	}
	if (syscall(SYS_close_range, FIRST_FD + all->count, ~0u,
		CLOSE_RANGE_CLOEXEC) == -1)
		return -errno;
	return 0;
}

static void
set_environment(const struct heritage *all)
{
	char number[16];

	if (all->listeners > 0) {
		snprintf(number, sizeof(number), "%d", all->listeners);
		setenv("LISTEN_FDS", number, 1);
		snprintf(number, sizeof(number), "%d", (int)getpid());
		setenv("LISTEN_PID", number, 1);
		setenv("LISTEN_FDNAMES", all->names, 1);
	}
	notify_export();
}

int
upgrade_child_exec(const struct upgrade_child_spec *spec)
{
	char program[] = "holdfastd", check[] = "-n", with[] = "-c";
	char config[4096], *argv[8 + 2 * UPGRADE_CHILD_FDS];
	struct heritage all;
	int i, argc = 0, rc;

	snprintf(config, sizeof(config), "%s", spec->config);
	collect(spec, &all);
	rc = arrange_fds(spec, &all);
	if (rc != 0)
		return rc;
	argv[argc++] = program;
	argv[argc++] = with;
	argv[argc++] = config;
	if (spec->check)
		argv[argc++] = check;
	else
		set_environment(&all);
	for (i = 0; i < all.options; i++) {
		argv[argc++] = all.option[i];
		argv[argc++] = all.number[i];
	}
	argv[argc] = NULL;
	execv(spec->binary, argv);
	return -errno;
}

static _Noreturn void
run_child(const struct upgrade_child_spec *spec)
{
	sigset_t none;
	int rc;

	/* A supervisor is born with its signals blocked: what is passed on to
	 * it before it looks must not kill it. */
	sigemptyset(&none);
	if (spec->check)
		sigprocmask(SIG_SETMASK, &none, NULL);
	rc = upgrade_child_exec(spec);
	/* Through stderr, which is what the one who asked is shown. */
	dprintf(2, "%s: %s\n", spec->binary, strerror(-rc));
	_exit(EXIT_NO_EXEC);
}

int
upgrade_child_spawn(const struct upgrade_child_spec *spec, pid_t *out_pid,
    int *out_pidfd)
{
	int rc = fd_fork(out_pid, out_pidfd);

	if (rc == 0 && *out_pid == 0)
		run_child(spec);
	return rc;
}

int
upgrade_child_own_binary(char *out, size_t size)
{
	static const char replaced[] = " (deleted)";
	ssize_t len = readlink("/proc/self/exe", out, size - 1);
	size_t tail = sizeof(replaced) - 1;

	if (len == -1)
		return -errno;
	out[len] = '\0';
	if ((size_t)len > tail && strcmp(out + len - tail, replaced) == 0)
		out[(size_t)len - tail] = '\0';
	return 0;
}
