/* SPDX-License-Identifier: ISC */
/*
 * Drives the machine of an upgrade (see upgrade.h): what the other process
 * says and how it ends become events, actions are in upgrade_run.c.
 */
#include "supervisor/upgrade/upgrade.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade/upgrade_child.h"
#include "supervisor/upgrade/upgrade_fault.h"
#include "supervisor/upgrade/upgrade_process.h"

#define NO_EVENT UPGRADE_EVENT_MAX
/* A process that dies closes its channel first, and then can be waited for. */
#define DEATH_MS 100

const char *
upgrade_result_name(enum upgrade_result result)
{
	static const char *const names[UPGRADE_RESULT_MAX] = {
		[UPGRADE_DONE] = "done",
		[UPGRADE_REFUSED] = "refused",
		[UPGRADE_ROLLED_BACK] = "rolled_back",
	};

	return (unsigned)result < UPGRADE_RESULT_MAX ? names[result] : "?";
}

void
upgrade_fail(struct upgrade *upgrade, const char *error, const char *format,
    ...)
{
	size_t len;
	va_list args;

	/* What comes later is the consequence of what came first. */
	if (upgrade->error[0] != '\0')
		return;
	snprintf(upgrade->error, sizeof(upgrade->error), "%s", error);
	va_start(args, format);
	vsnprintf(upgrade->reason, sizeof(upgrade->reason), format, args);
	va_end(args);
	len = strlen(upgrade->reason);
	while (len > 0 && upgrade->reason[len - 1] == '\n')
		upgrade->reason[--len] = '\0';
}

static void
arm(struct upgrade *upgrade)
{
	unsigned ms = upgrade_fault_deadline(
	    upgrade_fsm_deadline_ms(upgrade->state));
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	if (ms == 0)
		event_del(upgrade->timer);
	else
		event_add(upgrade->timer, &tv);
}

static enum upgrade_event
act(struct supervisor *sup, enum upgrade_action action)
{
	struct upgrade *upgrade = &sup->upgrade;

	switch (action) {
	case UPGRADE_ACT_CHECK:
		return upgrade_run_check(sup);
	case UPGRADE_ACT_SPAWN:
		return upgrade_run_spawn(sup);
	case UPGRADE_ACT_KILL:
		upgrade_process_signal(upgrade, SIGKILL);
		break;
	case UPGRADE_ACT_REFUSE:
		upgrade_link_close(&upgrade->link);
		init_tell_heir(sup->init_fd, 0);
		upgrade_tell_failed(sup, UPGRADE_REFUSED);
		break;
	case UPGRADE_ACT_LET_GO:
		return upgrade_run_let_go(sup);
	case UPGRADE_ACT_GO:
		return upgrade_run_go(sup);
	case UPGRADE_ACT_PROGRESS:
		arm(upgrade);
		break;
	case UPGRADE_ACT_TAKE_BACK:
		return upgrade_run_take_back(sup);
	case UPGRADE_ACT_FORWARD:
		upgrade_process_signal(upgrade, upgrade->stop_signal);
		break;
	case UPGRADE_ACT_FINISH:
		return upgrade_run_finish(sup);
	case UPGRADE_ACT_NONE:
	case UPGRADE_ACT_UNEXPECTED:
	case UPGRADE_ACT_BUSY:
	case UPGRADE_ACTION_MAX:
		break;
	}
	return NO_EVENT;
}

void
upgrade_feed(struct supervisor *sup, enum upgrade_event event)
{
	struct upgrade *upgrade = &sup->upgrade;

	while (event != NO_EVENT) {
		enum upgrade_state before = upgrade->state;
		struct upgrade_move move = upgrade_fsm_step(before, event);

		if (move.action == UPGRADE_ACT_UNEXPECTED) {
			log_debug("upgrade_event_ignored", NULL,
			    log_text("phase", upgrade_state_name(before)),
			    log_text("what", upgrade_event_name(event)));
			return;
		}
		if (event == UPGRADE_EV_TIMEOUT)
			upgrade_fail(upgrade, "deadline",
			    "%s took longer than %u ms",
			    upgrade_state_name(before),
			    upgrade_fault_deadline(
				upgrade_fsm_deadline_ms(before)));
		if (event == UPGRADE_EV_STOP)
			upgrade_fail(upgrade, "stopping",
			    "the node is to be stopped");
		upgrade->state = move.next;
		if (move.next != before) {
			arm(upgrade);
			upgrade_tell_phase(sup);
			upgrade_fault("old", upgrade_state_name(move.next));
		}
		event = act(sup, move.action);
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	upgrade_feed(arg, UPGRADE_EV_TIMEOUT);
}

/* ---- what the other one says ------------------------------------------- */

static enum upgrade_event
on_ready(struct supervisor *sup, const Holdfast__UpgradeReady *ready)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (ready->protocol != MESSAGE_PROTOCOL) {
		upgrade_fail(upgrade, "protocol",
		    "it speaks version %u of the protocol, we speak %u",
		    ready->protocol, MESSAGE_PROTOCOL);
		return UPGRADE_EV_FAILED;
	}
	log_info("upgrade_ready", NULL, log_text("build", ready->build),
	    log_uint("layout", ready->layout),
	    log_uint("nofile", ready->nofile),
	    log_int("new_pid", upgrade->pid));
	/* From here on it goes on when we die. */
	init_tell_heir(sup->init_fd, upgrade->pid);
	upgrade_tell_ready(sup);
	return UPGRADE_EV_READY;
}

static void
on_message(struct message *message, void *arg)
{
	struct supervisor *sup = arg;
	const Holdfast__UpgradeFailed *failed;
	enum upgrade_event event = NO_EVENT;

	switch (message->kind) {
	case MSG_UPGRADE_READY:
		event = on_ready(sup,
		    (const Holdfast__UpgradeReady *)message->body);
		break;
	case MSG_UPGRADE_ADOPTED:
		event = UPGRADE_EV_ADOPTED;
		break;
	case MSG_UPGRADE_MOVED:
		upgrade_tell_moved(sup,
		    (const Holdfast__UpgradeMoved *)message->body);
		event = UPGRADE_EV_MOVED;
		break;
	case MSG_UPGRADE_FAILED:
		failed = (const Holdfast__UpgradeFailed *)message->body;
		upgrade_fail(&sup->upgrade, failed->error, "%s", failed->text);
		event = UPGRADE_EV_FAILED;
		break;
	case MSG_UPGRADE_RETURNED:
		event = UPGRADE_EV_RETURNED;
		break;
	case MSG_UPGRADE_DONE:
		if (sup->upgrade.state == UPGRADE_MOVING)
			upgrade_tell_done(sup,
			    (const Holdfast__UpgradeDone *)message->body);
		event = UPGRADE_EV_DONE;
		break;
	default: /* the table lets no other kind through */
		break;
	}
	upgrade_feed(sup, event);
}

static void
on_broken(int rc, void *arg)
{
	struct supervisor *sup = arg;
	struct upgrade *upgrade = &sup->upgrade;
	struct pollfd end = { .fd = upgrade->pidfd, .events = POLLIN };

	/* How it died says more than that it is silent. */
	if (rc != -EPROTO && upgrade->pidfd != -1 &&
	    poll(&end, 1, DEATH_MS) == 1)
		return;
	if (rc == -EPROTO)
		upgrade_fail(upgrade, "protocol",
		    "what it says is not understood; is it another version?");
	else
		upgrade_fail(upgrade, "broken", "it has closed its channel");
	upgrade_feed(sup, UPGRADE_EV_BROKEN);
}

/* ---- the outside ------------------------------------------------------- */

bool
upgrade_is_active(const struct supervisor *sup)
{
	return sup->upgrade.state != UPGRADE_IDLE;
}

const char *
upgrade_obstacle(const struct supervisor *sup)
{
	if (upgrade_is_active(sup) || sup->upgrade.resumes ||
	    sup->successor.state != SUCCESSOR_NONE)
		return "an upgrade is under way";
	if (sup->recycler.runs)
		return "a restart is under way";
	if (sup->mover.runs)
		return "a restart with new keepers is under way";
	return NULL;
}

const char *
upgrade_phase(const struct supervisor *sup)
{
	return sup->successor.state == SUCCESSOR_NONE ?
	    upgrade_state_name(sup->upgrade.state) :
	    successor_state_name(sup->successor.state);
}

int
upgrade_start(struct supervisor *sup, const char *binary,
    struct control_call *call, bool waits)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (upgrade_obstacle(sup) != NULL)
		return -EBUSY;
	if (sup->lifecycle.state > LIFECYCLE_DRAINING)
		return -ESHUTDOWN;
	upgrade->error[0] = upgrade->reason[0] = '\0';
	upgrade->call = call;
	upgrade->waits = waits;
	upgrade->started_ms = clock_mono_ms();
	upgrade->stop_signal = 0;
	if (binary != NULL)
		snprintf(upgrade->binary, sizeof(upgrade->binary), "%s",
		    binary);
	else if (upgrade_child_own_binary(upgrade->binary,
		     sizeof(upgrade->binary)) != 0)
		upgrade->binary[0] = '\0';
	log_notice("upgrade_started", NULL,
	    log_text("binary", upgrade->binary));
	supervisor_event(sup, "upgrade_started", -1, NULL, upgrade->binary, 0);
	upgrade_feed(sup, UPGRADE_EV_START);
	return 0;
}

void
upgrade_forget(struct supervisor *sup, const struct control_call *call)
{
	if (sup->upgrade.call == call)
		sup->upgrade.call = NULL;
}

bool
upgrade_takes_signal(struct supervisor *sup, int signo)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (!upgrade_fsm_is_aside(upgrade->state))
		return false;
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT) {
		upgrade->stop_signal = signo;
		upgrade_feed(sup, UPGRADE_EV_STOP);
	} else if (signo == SIGUSR2) {
		log_warn("upgrade_refused", "an upgrade is under way");
	} else {
		upgrade_process_signal(upgrade, signo);
	}
	return true;
}

bool
upgrade_knows(const struct supervisor *sup, pid_t pid)
{
	return sup->upgrade.pid != 0 && sup->upgrade.pid == pid;
}

int
upgrade_init(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;

	upgrade_link_init(&upgrade->link);
	upgrade->link.on_message = on_message;
	upgrade->link.on_broken = on_broken;
	upgrade->link.arg = sup;
	upgrade->pidfd = upgrade->output = -1;
	textbuf_init(&upgrade->printed, UPGRADE_REASON_SIZE);
	upgrade->timer = evtimer_new(sup->base, on_timer, sup);
	return upgrade->timer == NULL ? -ENOMEM : 0;
}

void
upgrade_clear(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (upgrade->timer == NULL)
		return;
	if (!upgrade_fsm_is_aside(upgrade->state))
		upgrade_process_signal(upgrade, SIGKILL);
	upgrade_process_clear(upgrade);
	upgrade_link_close(&upgrade->link);
	textbuf_clear(&upgrade->printed);
	event_free(upgrade->timer);
	upgrade->timer = NULL;
}
