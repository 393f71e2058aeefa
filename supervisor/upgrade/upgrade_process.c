/* SPDX-License-Identifier: ISC */
/*
 * Watches and reaps the other holdfastd (see upgrade_process.h).
 */
#include "supervisor/upgrade/upgrade_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"

#define EXIT_NO_EXEC 127

void
upgrade_process_signal(const struct upgrade *upgrade, int signo)
{
	if (upgrade->pidfd != -1 && signo != 0)
		(void)fd_pidfd_signal(upgrade->pidfd, signo);
}

void
upgrade_process_clear(struct upgrade *upgrade)
{
	if (upgrade->gone != NULL)
		event_free(upgrade->gone);
	upgrade->gone = NULL;
	fd_close(&upgrade->pidfd);
	fd_close(&upgrade->output);
	textbuf_reset(&upgrade->printed);
	upgrade->pid = 0;
}

/* What fits into a reason; a writer that has more blocks, and is killed. */
static void
read_output(struct upgrade *upgrade)
{
	char text[512];
	ssize_t len;

	if (upgrade->output == -1)
		return;
	while ((len = read(upgrade->output, text, sizeof(text))) > 0)
		textbuf_append(&upgrade->printed, text, (size_t)len);
}

static enum upgrade_event
judge_check(struct upgrade *upgrade, int status)
{
	const char *printed = textbuf_text(&upgrade->printed);

	if (WIFSIGNALED(status))
		upgrade_fail(upgrade, "crashed",
		    "it was killed by SIG%s while it checked the configuration",
		    sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == EXIT_NO_EXEC)
		upgrade_fail(upgrade, "cannot_execute", "%s", printed);
	else if (WEXITSTATUS(status) != 0)
		upgrade_fail(upgrade, "config_refused",
		    "it refuses the configuration: %s",
		    printed[0] == '\0' ? "without a word" : printed);
	else
		return UPGRADE_EV_CHECKED;
	return UPGRADE_EV_FAILED;
}

static void
judge(struct upgrade *upgrade, int status)
{
	const char *phase = upgrade_state_name(upgrade->state);

	if (WIFSIGNALED(status)) {
		upgrade->exit_code = 1;
		upgrade_fail(upgrade, "crashed",
		    "it was killed by SIG%s while %s",
		    sigabbrev_np(WTERMSIG(status)), phase);
	} else {
		upgrade->exit_code = WEXITSTATUS(status);
		upgrade_fail(upgrade, "ended",
		    "it ended with exit code %d while %s", upgrade->exit_code,
		    phase);
	}
}

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	struct upgrade *upgrade = &sup->upgrade;
	enum upgrade_event event = UPGRADE_EV_GONE;
	int status;

	(void)fd;
	(void)what;
	/* Its last words come before its end: they may be the reason. */
	upgrade_link_pump(&upgrade->link);
	if (waitpid(upgrade->pid, &status, WNOHANG) != upgrade->pid)
		return;
	read_output(upgrade);
	if (upgrade->state == UPGRADE_CHECKING)
		event = judge_check(upgrade, status);
	else
		judge(upgrade, status);
	upgrade_process_clear(upgrade);
	upgrade_feed(sup, event);
}

int
upgrade_process_watch(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;

	upgrade->gone = event_new(sup->base, upgrade->pidfd,
	    EV_READ | EV_PERSIST, on_gone, sup);
	if (upgrade->gone != NULL && event_add(upgrade->gone, NULL) == 0)
		return 0;
	upgrade_process_signal(upgrade, SIGKILL);
	(void)waitpid(upgrade->pid, NULL, 0);
	upgrade_process_clear(upgrade);
	return -ENOMEM;
}
