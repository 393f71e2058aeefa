/* SPDX-License-Identifier: ISC */
/*
 * What each signal means (see signals.h).
 */
#include "supervisor/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"

static const int handled[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1,
	SIGUSR2, SIGWINCH, SIGTTIN, SIGTTOU };

static void
act_on(struct supervisor *sup, int signo)
{
	switch (signo) {
	case SIGTERM:
		lifecycle_stop(sup, true);
		break;
	case SIGINT:
	case SIGQUIT:
		lifecycle_stop(sup, false);
		break;
	case SIGHUP:
		reload_by_signal(sup);
		break;
	case SIGUSR1:
		supervisor_reopen_log(sup);
		break;
	case SIGUSR2:
		log_warn("upgrade_refused",
		    "upgrade is not available in this version");
		break;
	case SIGWINCH:
		lifecycle_drain(sup);
		break;
	default:
		log_warn("slots_unchanged",
		    "changing the number of slots is not available in this "
		    "version");
		break;
	}
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;
	struct signalfd_siginfo info;

	(void)what;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signo = (int)info.ssi_signo;

		if (signo != SIGINT && info.ssi_code == SI_KERNEL)
			continue;
		log_notice("signal", NULL,
		    log_text("name", sigabbrev_np(signo)),
		    log_uint("from_pid", info.ssi_pid),
		    log_uint("from_uid", info.ssi_uid));
		act_on(sup, signo);
	}
}

int
signals_start(struct supervisor *sup)
{
	struct signals *signals = &sup->signals;
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(&set, handled[i]);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd == -1)
		return -errno;
	signals->event = event_new(sup->base, signals->fd, EV_READ | EV_PERSIST,
	    on_signal, sup);
	if (signals->event == NULL || event_add(signals->event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

void
signals_stop(struct supervisor *sup)
{
	if (sup->signals.event != NULL)
		event_free(sup->signals.event);
	sup->signals.event = NULL;
	fd_close(&sup->signals.fd);
}
