/* SPDX-License-Identifier: ISC */
/*
 * Processes of a slot (see slot_process.h).  The supervisor is a subreaper, so
 * a tenant whose keeper died becomes its child and can be waited for.
 */
#include "supervisor/slot/slot_process.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/proc.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

#define KILL_WAIT_MS 2000

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	slot_reap(arg);
}

int
slot_process_watch(struct slot_process *process, struct slot *slot)
{
	process->gone = event_new(slot->sup->base, process->pidfd,
	    EV_READ | EV_PERSIST, on_gone, slot);
	if (process->gone == NULL)
		return -ENOMEM;
	return event_add(process->gone, NULL) == 0 ? 0 : -ENOMEM;
}

int
slot_process_signal(const struct slot_process *process, int signo)
{
	if (process->pidfd == -1)
		return -ESRCH;
	return fd_pidfd_signal(process->pidfd, signo);
}

void
slot_process_clear(struct slot_process *process)
{
	if (process->gone != NULL)
		event_free(process->gone);
	process->gone = NULL;
	fd_close(&process->pidfd);
	process->pid = 0;
}

bool
slot_process_is_alive(const struct slot_process *process)
{
	struct pollfd pfd = { .fd = process->pidfd, .events = POLLIN };

	return process->pidfd != -1 && poll(&pfd, 1, 0) == 0;
}

/* True when it has ended; reaps it if it is our child. */
static bool
has_ended(const struct slot_process *process, siginfo_t *out_info)
{
	memset(out_info, 0, sizeof(*out_info));
	if (process->pidfd == -1)
		return true;
	if (waitid(P_PIDFD, (id_t)process->pidfd, out_info,
		WEXITED | WNOHANG) == 0)
		return out_info->si_pid != 0;
	return !slot_process_is_alive(process);
}

void
slot_process_kill(struct slot_process *process)
{
	siginfo_t info;
	struct pollfd pfd = { .fd = process->pidfd, .events = POLLIN };

	/* One that is not our child can be waited for, but not reaped. */
	if (slot_process_signal(process, SIGKILL) == 0 &&
	    waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) == -1)
		(void)poll(&pfd, 1, KILL_WAIT_MS);
	slot_process_clear(process);
}

int
slot_process_set_tenant(struct slot *slot, pid_t pid, int pidfd)
{
	int rc = 0;

	if (pid <= 1)
		return -EINVAL;
	if (pidfd == -1 && slot->tenant.pid == pid)
		return 0;
	if (pidfd == -1) {
		rc = fd_pidfd_open(pid, &pidfd);
		/* Checked after the open: from then on it is that process. */
		if (rc == 0 && getpgid(pid) != slot->group) {
			fd_close(&pidfd);
			rc = -EPERM;
		}
		if (rc != 0)
			return rc;
	}
	slot_process_clear(&slot->tenant);
	slot->tenant.pid = pid;
	slot->tenant.pidfd = pidfd;
	return 0;
}

/* Keepers lead a process group, and their tenants are born into it. */
static bool
is_member(const struct slot *slot, pid_t pid)
{
	return pid > 1 && pid != slot->group && getpgid(pid) == slot->group;
}

/* Those of a keeper that was not our child go to init, not to us. */
static bool
is_orphan(const struct slot *slot, pid_t pid)
{
	struct proc proc;

	return is_member(slot, pid) && proc_read(pid, &proc) == 0 &&
	    (slot->is_foreign || proc.parent == getpid());
}

static void
each_process(struct slot *slot, void (*visit)(struct slot *, pid_t))
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	uint64_t pid;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (parse_u64(entry->d_name, 2, INT32_MAX, &pid) == 0)
			visit(slot, (pid_t)pid);
	}
	closedir(dir);
}

/*
 * A keeper killed before it could tell of its tenant leaves one that nobody
 * knows, not even the header.  There can be no more than one; any other that
 * claims to be of this group is not a tenant.
 */
static void
take_orphan(struct slot *slot, pid_t pid)
{
	if (!is_orphan(slot, pid))
		return;
	if (slot_process_is_alive(&slot->tenant))
		kill(pid, SIGKILL);
	else
		(void)slot_process_set_tenant(slot, pid, -1);
}

static void
end_member(struct slot *slot, pid_t pid)
{
	if (is_member(slot, pid))
		kill(pid, SIGKILL);
}

void
slot_process_end_tenants(struct slot *slot)
{
	each_process(slot, end_member);
}

static void
note_keeper_exit(const struct slot *slot, const siginfo_t *info)
{
	const char *by = info->si_code == CLD_EXITED ? "exit" : "signal";

	/* Not our child: somebody else is told how. */
	if (info->si_pid == 0)
		by = "unknown";
	log_info("keeper_exited", NULL, log_text("slot", slot->label),
	    log_int("keeper_pid", slot->keeper.pid), log_text("by", by),
	    log_int("status", info->si_status));
}

void
slot_reap(struct slot *slot)
{
	siginfo_t info;

	if (slot->keeper.pid != 0) {
		if (!has_ended(&slot->keeper, &info))
			return;
		note_keeper_exit(slot, &info);
		/* Its last words first: they may name a new tenant. */
		slot_link_pump(&slot->to_keeper);
		slot_link_close(&slot->to_keeper);
		if (has_ended(&slot->tenant, &info)) {
			slot_process_clear(&slot->tenant);
			each_process(slot, take_orphan);
		}
		slot_process_clear(&slot->keeper);
	}
	if (has_ended(&slot->tenant, &info)) {
		slot_process_clear(&slot->tenant);
		slot_feed(slot, SLOT_EV_GONE);
		return;
	}
	if (slot->tenant.gone == NULL) {
		if (slot_process_watch(&slot->tenant, slot) != 0)
			slot_process_signal(&slot->tenant, SIGKILL);
		slot_feed(slot, SLOT_EV_KEEPER_LOST);
	}
}

static bool
is_keeper(const struct supervisor *sup, pid_t pid)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		if (sup->slots[i]->keeper.pid == pid ||
		    sup->slots[i]->tenant.pid == pid)
			return true;
	}
	return upgrade_knows(sup, pid) || slot_handoff_knows(sup, pid);
}

void
slot_process_reap_strays(const struct supervisor *sup)
{
	siginfo_t info;
	int i;

	for (i = 0; i < 64; i++) {
		memset(&info, 0, sizeof(info));
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		    info.si_pid == 0 || is_keeper(sup, info.si_pid))
			return;
		(void)waitid(P_PID, (id_t)info.si_pid, &info,
		    WEXITED | WNOHANG);
	}
}
