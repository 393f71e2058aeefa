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
resize(struct supervisor *sup, uint32_t workers, const char *by)
{
	if (resizer_set(sup, workers, by) != 0)
		log_warn("workers_unchanged", "there can be 1 to 64",
		    log_uint("workers", sup->resizer.wanted));
}

static void
upgrade_now(struct supervisor *sup)
{
	const char *obstacle = upgrade_obstacle(sup);

	if (upgrade_start(sup, NULL, NULL, false) != 0)
		log_warn("upgrade_refused",
		    obstacle != NULL ? obstacle : "the node is being stopped");
}

static void
on_verdict(struct supervisor *sup, enum fleet_verdict verdict, uint64_t others,
    void *arg)
{
	(void)arg;
	if (verdict == FLEET_GRANTED) {
		upgrade_now(sup);
		return;
	}
	if (verdict == FLEET_DENIED && sup->fleet != NULL)
		fleet_event(sup->fleet, "upgrade_denied",
		    sup->conf.settings.node.id, "", (int64_t)others);
	log_warn("upgrade_refused",
	    verdict == FLEET_DENIED ?
		"other nodes of the fleet are being upgraded" :
		"Redis has not said whether others are being upgraded",
	    log_uint("others", others));
}

static void
ask_and_upgrade(struct supervisor *sup)
{
	if (sup->fleet == NULL)
		upgrade_now(sup);
	else if (fleet_permit_upgrade(sup->fleet, on_verdict, NULL) != 0)
		on_verdict(sup, FLEET_UNHEARD, 0, NULL);
}

static void
act_on(struct supervisor *sup, int signo)
{
	struct drain_request request = { .profile = DRAIN_EVACUATE };

	if (upgrade_takes_signal(sup, signo))
		return;
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
		ask_and_upgrade(sup);
		break;
	case SIGWINCH:
		/* A drain under way keeps its pace. */
		if (!lifecycle_is_draining(sup))
			(void)lifecycle_drain(sup, &request);
		break;
	case SIGTTIN:
		resize(sup, sup->resizer.wanted + 1, "SIGTTIN");
		break;
	case SIGTTOU:
		resize(sup, sup->resizer.wanted - 1, "SIGTTOU");
		break;
	default:
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

static void
make_set(sigset_t *out)
{
	size_t i;

	sigemptyset(out);
	for (i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(out, handled[i]);
}

int
signals_block(void)
{
	sigset_t set;

	make_set(&set);
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) == -1 ? -errno : 0;
}

int
signals_start(struct supervisor *sup)
{
	struct signals *signals = &sup->signals;
	sigset_t set;

	make_set(&set);
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
