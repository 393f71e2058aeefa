/* SPDX-License-Identifier: ISC */
/*
 * What the phases of an upgrade do in the supervisor that goes (see upgrade.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade/resume.h"
#include "supervisor/upgrade/upgrade_child.h"
#include "supervisor/upgrade/upgrade_fault.h"
#include "supervisor/upgrade/upgrade_process.h"

#define NO_EVENT UPGRADE_EVENT_MAX
/* Answers are small; who does not read them does not hold up an upgrade. */
#define FLUSH_MS 1000

static enum upgrade_event
failed(struct upgrade *upgrade, const char *act, int rc)
{
	upgrade_fail(upgrade, "failed", "%s: %s", act, strerror(-rc));
	return UPGRADE_EV_FAILED;
}

/* Who is gone says why by how it ended: the end of its channel is an event
 * that comes by itself. */
static enum upgrade_event
sent(struct upgrade *upgrade, const char *act, int rc)
{
	if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
		return NO_EVENT;
	return failed(upgrade, act, rc);
}

/* What an exec would say too, in words that need no fork. */
static bool
is_executable(struct upgrade *upgrade)
{
	struct stat st;

	if (upgrade->binary[0] != '/')
		upgrade_fail(upgrade, "cannot_execute",
		    "the path of the binary is not absolute");
	else if (stat(upgrade->binary, &st) == -1)
		upgrade_fail(upgrade, "binary_missing", "%s: %s",
		    upgrade->binary, strerror(errno));
	else if (!S_ISREG(st.st_mode) || access(upgrade->binary, X_OK) == -1)
		upgrade_fail(upgrade, "cannot_execute",
		    "%s: it is no executable file", upgrade->binary);
	else
		return true;
	return false;
}

static struct upgrade_child_spec
make_spec(const struct supervisor *sup)
{
	struct upgrade_child_spec spec = {
		.binary = sup->upgrade.binary,
		.config = sup->config_path,
		.output = -1,
	};
	int i;

	for (i = 0; i < UPGRADE_CHILD_FDS; i++)
		spec.fd[i].fd = -1;
	return spec;
}

enum upgrade_event
upgrade_run_check(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;
	struct upgrade_child_spec spec = make_spec(sup);
	int ends[2], rc;

	if (!is_executable(upgrade))
		return UPGRADE_EV_FAILED;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return failed(upgrade, "pipe", -errno);
	spec.check = true;
	spec.output = ends[1];
	rc = upgrade_child_spawn(&spec, &upgrade->pid, &upgrade->pidfd);
	fd_close(&ends[1]);
	upgrade->output = ends[0];
	if (rc == 0)
		rc = fd_set_nonblock(upgrade->output, true);
	if (rc == 0)
		rc = upgrade_process_watch(sup);
	if (rc == 0)
		return NO_EVENT;
	upgrade_process_clear(upgrade);
	return failed(upgrade, "fork", rc);
}

static int
send_offer(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;
	Holdfast__UpgradeOffer offer = HOLDFAST__UPGRADE_OFFER__INIT;
	uint32_t known[TABLE_LAYOUTS_MAX];
	char build[] = HOLDFAST_VERSION;
	int rc;

	offer.protocol = MESSAGE_PROTOCOL;
	offer.layout = SLOT_LAYOUT;
	offer.n_known = (size_t)table_layout_list(known);
	offer.known = known;
	offer.build = build;
	rc = fd_raise_nofile(&offer.nofile);
	if (rc != 0)
		return rc;
	offer.has_upgrades_done = 1;
	offer.upgrades_done = upgrade->results[UPGRADE_DONE];
	offer.has_upgrades_refused = 1;
	offer.upgrades_refused = upgrade->results[UPGRADE_REFUSED];
	offer.has_upgrades_failed = 1;
	offer.upgrades_failed = upgrade->results[UPGRADE_ROLLED_BACK];
	return upgrade_link_send(&upgrade->link, MSG_UPGRADE_OFFER, &offer.base,
	    NULL, 0);
}

enum upgrade_event
upgrade_run_spawn(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;
	struct upgrade_child_spec spec = make_spec(sup);
	int ends[2], rc;

	rc = channel_pair(ends);
	if (rc != 0) {
		(void)failed(upgrade, "channel", rc);
		return UPGRADE_EV_GONE;
	}
	spec.listeners = &sup->listeners;
	spec.fd[0].option = 'U';
	spec.fd[0].fd = ends[1];
	spec.fd[1].option = 'I';
	spec.fd[1].fd = sup->init_fd;
	rc = upgrade_child_spawn(&spec, &upgrade->pid, &upgrade->pidfd);
	fd_close(&ends[1]);
	if (rc == 0)
		rc = upgrade_process_watch(sup);
	if (rc != 0) {
		fd_close(&ends[0]);
		(void)failed(upgrade, "fork", rc);
		return UPGRADE_EV_GONE;
	}
	rc = upgrade_link_open(&upgrade->link, sup->base, ends[0],
	    PEER_OUTGOING);
	if (rc != 0)
		return failed(upgrade, "channel", rc);
	upgrade_fault("old", "offer");
	return sent(upgrade, "offer", send_offer(sup));
}

/* Nothing of what follows can fail, and nothing of it touches a client: the
 * slots find that they have no supervisor, and look for the next one. */
enum upgrade_event
upgrade_run_let_go(struct supervisor *sup)
{
	uint32_t i;
	int admin;

	control_flush_all(sup, FLUSH_MS);
	control_let_go(sup, sup->upgrade.call);
	/* The server closes its socket; a copy is for the way back. */
	admin = fcntl(sup->listeners.admin.fd, F_DUPFD_CLOEXEC, 3);
	admin_stop(sup);
	fleet_hand_over(sup);
	fleet_stop(sup);
	sup->listeners.admin.fd = admin;
	slot_watch_stop(sup);
	recycler_clear(sup);
	mover_clear(sup);
	relay_requests_clear(&sup->requests);
	for (i = 0; i < sup->slot_count; i++)
		sup->slots[i] = slot_handoff_end(sup->slots[i],
		    "the supervisor is replaced");
	slot_handoff_sweep(sup, true);
	readopt_let_go(sup);
	for (i = 0; i < sup->slot_count; i++)
		slot_free(sup->slots[i]);
	sup->slot_count = sup->gateways = 0;
	sup->relay = NULL;
	lifecycle_clear(sup);
	if (sup->node.shared != NULL)
		node_detach(&sup->node);
	fd_close(&sup->node_fd);
	run_dir_let_go(&sup->run_dir);
	return UPGRADE_EV_LET_GO;
}

enum upgrade_event
upgrade_run_go(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;
	Holdfast__UpgradeGo go = HOLDFAST__UPGRADE_GO__INIT;
	int fds[] = { sup->programs.gateway.fd, sup->programs.relay.fd };
	int rc;

	go.gateway = sup->programs.gateway.path;
	go.relay = sup->programs.relay.path;
	rc = upgrade_link_send(&upgrade->link, MSG_UPGRADE_GO, &go.base, fds,
	    2);
	return sent(upgrade, "go", rc);
}

/* Keepers that ended while their supervisor was not their parent. */
static void
reap_strays(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

enum upgrade_event
upgrade_run_take_back(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;
	struct upgrade_child_spec spec = make_spec(sup);
	int state = -1, rc;

	reap_strays();
	init_tell_heir(sup->init_fd, 0);
	rc = resume_store(sup, &state);
	if (rc != 0)
		log_error("upgrade_forgotten",
		    "the configuration is read anew, and who asked is not told "
		    "how it ends",
		    log_errno(rc));
	spec.binary = "/proc/self/exe";
	spec.listeners = &sup->listeners;
	spec.fd[0].option = 'R';
	spec.fd[0].fd = state;
	spec.fd[1].option = 'I';
	spec.fd[1].fd = sup->init_fd;
	spec.fd[2].option = 'G';
	spec.fd[2].fd = sup->programs.gateway.fd;
	spec.fd[3].option = 'L';
	spec.fd[3].fd = sup->programs.relay.fd;
	spec.fd[4].option = 'K';
	if (upgrade->call != NULL)
		spec.fd[4].fd = control_flush(upgrade->call, FLUSH_MS);
	/* Pending across the exec, for the one who can obey. */
	if (upgrade->stop_signal != 0)
		raise(upgrade->stop_signal);
	log_notice("upgrade_taking_back", NULL,
	    log_text("reason", upgrade->reason));
	rc = upgrade_child_exec(&spec);
	/* Our fds are in disorder.  Who started us starts us anew. */
	log_error("upgrade_exec_failed", "ending; the slots serve on",
	    log_errno(rc));
	raise(SIGKILL);
	return NO_EVENT;
}

enum upgrade_event
upgrade_run_finish(struct supervisor *sup)
{
	struct upgrade *upgrade = &sup->upgrade;

	if (upgrade->pid != 0) {
		notify_main(upgrade->pid);
		init_tell_main(sup->init_fd, upgrade->pid);
	} else {
		sup->exit_code = upgrade->exit_code;
	}
	if (upgrade->call != NULL)
		upgrade_tell_failed(sup, UPGRADE_RESULT_MAX);
	control_flush_all(sup, FLUSH_MS);
	reap_strays();
	event_base_loopexit(sup->base, NULL);
	return NO_EVENT;
}
