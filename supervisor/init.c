/* SPDX-License-Identifier: ISC */
/*
 * Process 1 (see init.h).  It must not die, since the kernel then kills all
 * others, and it allocates nothing.  Signals are blocked and taken from a
 * signalfd: the kernel drops those that process 1 neither handles nor blocks.
 */
#include "supervisor/init.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"

/* Deaths of supervisors in a row, each within this time of its start. */
#define DEATHS_MAX     5
#define LONG_ENOUGH_MS 60000
#define PAUSE_FIRST_MS 100
#define EXIT_BY_SIGNAL 128

static const int passed_on[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1,
	SIGUSR2, SIGWINCH, SIGTTIN, SIGTTOU };

/* A supervisor says "heir PID" or "main PID"; it may be a later version. */
#define WORD_SIZE 32

struct init {
	int signals; /* owned */
	int ours;    /* owned: our end of the socket */
	int theirs;  /* owned: inherited by each supervisor */
	pid_t main;  /* 0: none now */
	pid_t heir;  /* takes over when main has ended; 0: none */
	uint64_t started_ms;
	uint64_t start_at_ms; /* with main 0: when the next one starts */
	unsigned deaths;
	int exit_code; /* -1: go on */
};

static void
tell(int fd, const char *what, pid_t pid)
{
	char word[WORD_SIZE];
	int len = snprintf(word, sizeof(word), "%s %d", what, (int)pid);

	if (fd != -1)
		(void)send(fd, word, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
init_tell_heir(int fd, pid_t pid)
{
	tell(fd, "heir", pid);
}

void
init_tell_main(int fd, pid_t pid)
{
	tell(fd, "main", pid);
}

static void
listen_to(struct init *init)
{
	char word[WORD_SIZE];
	ssize_t len;
	int pid;

	while ((len = recv(init->ours, word, sizeof(word) - 1, MSG_DONTWAIT)) >
	    0) {
		word[len] = '\0';
		if (sscanf(word, "heir %d", &pid) == 1 && pid >= 0) {
			init->heir = pid;
		} else if (sscanf(word, "main %d", &pid) == 1 && pid > 1) {
			init->main = pid;
			init->heir = 0;
			log_info("init_main", "signals go to it from now on",
			    log_int("main_pid", pid));
		}
	}
}

static void
on_main_ended(struct init *init, pid_t pid, int status)
{
	uint64_t now = clock_mono_ms(), pause = PAUSE_FIRST_MS;

	/* It may have said who is to follow, and then died. */
	listen_to(init);
	if (init->main != pid)
		return;
	if (init->heir != 0 && kill(init->heir, 0) == 0) {
		init->main = init->heir;
		init->heir = 0;
		log_notice("init_main", "the other supervisor goes on",
		    log_int("main_pid", init->main));
		return;
	}
	init->main = 0;
	if (WIFEXITED(status)) {
		init->exit_code = WEXITSTATUS(status);
		return;
	}
	init->deaths = now - init->started_ms >= LONG_ENOUGH_MS ?
	    1 :
	    init->deaths + 1;
	if (init->deaths > DEATHS_MAX) {
		init->exit_code = EXIT_BY_SIGNAL + WTERMSIG(status);
		log_error("init_gives_up",
		    "the supervisor dies again and again",
		    log_uint("deaths", init->deaths));
		return;
	}
	pause <<= init->deaths - 1;
	init->start_at_ms = now + pause;
	log_error("supervisor_died", "it is started anew",
	    log_text("signal", sigabbrev_np(WTERMSIG(status))),
	    log_uint("pause_ms", pause));
}

static void
reap(struct init *init)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == init->heir)
			init->heir = 0;
		if (pid == init->main)
			on_main_ended(init, pid, status);
	}
}

static void
take_signals(struct init *init)
{
	struct signalfd_siginfo info;

	while (
	    read(init->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signo = (int)info.ssi_signo;

		if (signo == SIGCHLD)
			continue;
		if (init->main != 0)
			(void)kill(init->main, signo);
		else if (signo == SIGTERM || signo == SIGINT ||
		    signo == SIGQUIT)
			init->exit_code = 0;
	}
}

static int
set_up(struct init *init)
{
	int ends[2];
	sigset_t set;
	size_t i;

	memset(init, 0, sizeof(*init));
	init->exit_code = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	init->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init->signals == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return -errno;
	init->ours = ends[0];
	init->theirs = ends[1];
	return 0;
}

/* True in the child. */
static bool
start_main(struct init *init, int *out_fd)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid == 0) {
		fd_close(&init->signals);
		fd_close(&init->ours);
		/* What came meanwhile was for the one before. */
		sigemptyset(&none);
		sigaddset(&none, SIGCHLD);
		(void)sigprocmask(SIG_UNBLOCK, &none, NULL);
		*out_fd = init->theirs;
		return true;
	}
	if (pid == -1) {
		log_error("init_fork_failed", "it is tried again",
		    log_errno(-errno));
		init->start_at_ms = clock_mono_ms() + PAUSE_FIRST_MS;
		return false;
	}
	init->main = pid;
	init->started_ms = clock_mono_ms();
	return false;
}

static int
timeout_ms(const struct init *init)
{
	uint64_t now = clock_mono_ms();

	if (init->main != 0)
		return -1;
	return init->start_at_ms > now ? (int)(init->start_at_ms - now) : 0;
}

int
init_run(int *out_fd)
{
	struct init init;
	int rc = set_up(&init);

	if (rc != 0) {
		log_error("init_failed", NULL, log_errno(rc));
		return EXIT_FAILURE;
	}
	while (init.exit_code == -1) {
		struct pollfd fds[] = {
			{ .fd = init.signals, .events = POLLIN },
			{ .fd = init.ours, .events = POLLIN },
		};

		if (init.main == 0 && clock_mono_ms() >= init.start_at_ms &&
		    start_main(&init, out_fd))
			return -1;
		(void)poll(fds, 2, timeout_ms(&init));
		/* Words before deaths: who says "main" ends next. */
		listen_to(&init);
		reap(&init);
		take_signals(&init);
	}
	return init.exit_code;
}
