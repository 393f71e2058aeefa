/* SPDX-License-Identifier: ISC */
/*
 * Waits for, judges and takes over slots that run already (slot_adopt.h);
 * slot_claim.c has what is done with the claimed fds.
 */
#include "supervisor/slot/slot_adopt.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/proc.h"
#include "proto/hello.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/supervisor.h"

/* "hf-g3", "hf-r": what a tenant calls itself (worker/process.c). */
static void
tenant_name(const struct slots_entry *entry, char *out, size_t size)
{
	if (entry->kind == SLOT_KIND_RELAY)
		snprintf(out, size, "hf-r");
	else
		snprintf(out, size, "hf-g%u", entry->number % 1000);
}

/* A tenant whose keeper is dead is known by the group it was born into. */
static pid_t
find_tenant(const struct slots_entry *entry)
{
	DIR *dir = opendir("/proc");
	struct dirent *file;
	struct proc proc;
	char name[16];
	pid_t found = 0;
	uint64_t pid;

	if (dir == NULL)
		return 0;
	tenant_name(entry, name, sizeof(name));
	while (found == 0 && (file = readdir(dir)) != NULL) {
		if (parse_u64(file->d_name, 2, INT32_MAX, &pid) == 0 &&
		    proc_read((pid_t)pid, &proc) == 0 &&
		    proc.group == entry->keeper && proc.pid != entry->keeper &&
		    proc.state != 'Z' && proc.state != 'X' &&
		    strcmp(proc.name, name) == 0)
			found = (pid_t)pid;
	}
	closedir(dir);
	return found;
}

bool
slot_adopt_lives(const struct slots_entry *entry, pid_t *out_tenant)
{
	struct proc proc;

	*out_tenant = 0;
	if (proc_is_alive(entry->keeper, entry->start_time))
		return true;
	/* A pid is not given away while a group has it for its name. */
	if (proc_read(entry->keeper, &proc) == 0 &&
	    proc.start_time != entry->start_time)
		return false;
	*out_tenant = find_tenant(entry);
	return *out_tenant != 0;
}

/* -ESRCH: it has just ended. */
static int
open_process(struct slot_process *process, struct slot *slot, pid_t pid,
    uint64_t start_time)
{
	int rc = fd_pidfd_open(pid, &process->pidfd);

	if (rc != 0)
		return rc;
	/* Checked after the open: from then on it is that process. */
	if (start_time != 0 && !proc_is_alive(pid, start_time))
		rc = -ESRCH;
	process->pid = pid;
	if (rc == 0)
		rc = slot_process_watch(process, slot);
	if (rc != 0)
		slot_process_clear(process);
	return rc;
}

int
slot_adopt_await(struct slot *slot, const struct slots_entry *entry)
{
	pid_t tenant;
	int rc;

	if (!slot_adopt_lives(entry, &tenant))
		return -ESRCH;
	slot->group = entry->keeper;
	slot->keeper_start = entry->start_time;
	slot->nonce = entry->nonce;
	slot->is_foreign = true;
	slot->served = true;
	slot->prods = 0;
	if (tenant == 0)
		rc = open_process(&slot->keeper, slot, entry->keeper,
		    entry->start_time);
	else
		rc = open_process(&slot->tenant, slot, tenant, 0);
	if (rc == 0)
		slot_feed(slot, SLOT_EV_FOUND);
	return rc;
}

static void
kill_one(pid_t pid, const struct slots_entry *entry)
{
	struct proc proc;
	int fd = -1;

	if (fd_pidfd_open(pid, &fd) != 0)
		return;
	/* Checked after the open: from then on it is that process. */
	if (proc_read(pid, &proc) == 0 && proc.group == entry->keeper &&
	    (pid != entry->keeper || proc.start_time == entry->start_time))
		(void)fd_pidfd_signal(fd, SIGKILL);
	fd_close(&fd);
}

/*
 * Who claims a slot has it, and the other one of a handoff never will: one that
 * stands still must not wake up with copies of the clients' sockets.  The
 * keeper first, or it would start another tenant.
 */
static void
end_loser(struct slot *slot)
{
	struct slots_entry loser = slot->other;
	pid_t tenant;

	slot->other.keeper = 0;
	if (loser.keeper == 0 || loser.keeper == slot->group ||
	    !slot_adopt_lives(&loser, &tenant))
		return;
	log_notice("slot_loser_ended", "its handoff is over",
	    log_text("slot", slot->label), log_int("keeper_pid", loser.keeper));
	kill_one(loser.keeper, &loser);
	tenant = find_tenant(&loser);
	if (tenant != 0)
		kill_one(tenant, &loser);
}

/* Its memory too: the other one has a table of its own. */
static void
forget(struct slot *slot)
{
	slot_link_close(&slot->to_keeper);
	slot_link_close(&slot->to_tenant);
	slot_process_clear(&slot->keeper);
	slot_process_clear(&slot->tenant);
	slot_memory_close(&slot->memory);
}

bool
slot_adopt_other(struct slot *slot)
{
	struct slots_entry other = slot->other;

	slot->other.keeper = 0;
	if (other.keeper == 0)
		return false;
	slot_link_close(&slot->to_keeper);
	slot_link_close(&slot->to_tenant);
	slot_process_clear(&slot->keeper);
	slot_process_clear(&slot->tenant);
	slot->state = SLOT_DOWN;
	log_notice("slot_with_other", "it has moved to its other keeper",
	    log_text("slot", slot->label), log_int("keeper_pid", other.keeper));
	if (slot_adopt_await(slot, &other) == 0)
		return true;
	slot->state = SLOT_WAITING;
	return false;
}

void
slot_adopt_choose(struct slot *slot, pid_t tenant)
{
	struct slots_entry other = slot->other;

	if (other.keeper == 0 || getpgid(tenant) != other.keeper)
		return;
	forget(slot);
	slot->other.keeper = slot->group;
	slot->other.start_time = slot->keeper_start;
	slot->other.nonce = slot->nonce;
	slot->group = other.keeper;
	slot->keeper_start = other.start_time;
	slot->nonce = other.nonce;
	(void)open_process(&slot->keeper, slot, other.keeper, other.start_time);
}

static struct slot *
find_slot(struct supervisor *sup, uint32_t number)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		if (sup->slots[i]->number == number)
			return sup->slots[i];
	}
	return NULL;
}

static bool
can_be_claimed(const struct slot *slot)
{
	return slot->state == SLOT_AWAITED || slot->state == SLOT_BACKOFF ||
	    slot_has_tenant(slot);
}

const char *
slot_adopt_judge(struct supervisor *sup, const struct slot_claim *claim,
    struct slot **out_slot)
{
	struct slot *slot = find_slot(sup, claim->hello->slot);
	struct hello_peer expected = { .role = PEER_TENANT, .pid = claim->pid };
	const char *fault;

	if (slot == NULL)
		return "there is no such slot";
	if (!can_be_claimed(slot))
		return "that slot is not to be had";
	expected.slot = slot->number;
	expected.nonce = slot->nonce;
	fault = hello_fault(claim->hello, &expected);
	if (fault != NULL)
		return fault;
	if (claim->hello->start_time != proc_start_time(claim->pid))
		return "another start time";
	if (getpgid(claim->pid) != slot->group &&
	    (slot->other.keeper == 0 ||
		getpgid(claim->pid) != slot->other.keeper))
		return "not of that keeper's group";
	*out_slot = slot;
	return NULL;
}

static void
move_on(struct slot *slot, bool is_another)
{
	const struct slot_header *header = slot->memory.table.header;

	if (slot->state == SLOT_SERVING && !is_another)
		return;
	slot_feed(slot, SLOT_EV_TENANT_STARTED);
	if (atomic_load(&header->tenant_state) >= TENANT_SERVING)
		slot_feed(slot, SLOT_EV_SERVING);
}

/* The tenant is all there is, and its end is to be seen. */
static void
keeper_is_lost(struct slot *slot)
{
	if (slot->tenant.gone == NULL &&
	    slot_process_watch(&slot->tenant, slot) != 0)
		slot_process_signal(&slot->tenant, SIGKILL);
	slot_feed(slot, SLOT_EV_KEEPER_LOST);
}

void
slot_adopt_take(struct slot *slot, const struct slot_claim *claim)
{
	const struct slot_header *header = slot->memory.table.header;
	bool was_awaited = slot->state == SLOT_AWAITED;
	bool is_another = slot->tenant.pid != claim->pid;
	int rc;

	rc = slot_process_set_tenant(slot, claim->pid, -1);
	if (rc == 0)
		rc = slot_link_adopt(slot, claim->channel_fd);
	else
		close(claim->channel_fd);
	if (rc != 0) {
		log_warn("claim_failed", "the tenant will try again",
		    log_text("slot", slot->label), log_errno(rc));
		return;
	}
	slot->generation = header->generation;
	if (was_awaited)
		slot->seen_unattributed = header->unattributed;
	log_info("slot_claimed", NULL, log_text("slot", slot->label),
	    log_int("keeper_pid", slot->keeper.pid),
	    log_int("tenant_pid", claim->pid),
	    log_text("build", claim->hello->build),
	    log_uint("connections", atomic_load(&header->live)));
	end_loser(slot);
	move_on(slot, is_another);
	if (slot->keeper.pid == 0)
		keeper_is_lost(slot);
	readopt_tell_relay(slot->sup);
}

void
slot_adopt_let_go(struct slot *slot)
{
	slot_link_close(&slot->to_keeper);
	slot_link_close(&slot->to_tenant);
	fd_close(&slot->tenant_end);
	event_del(slot->timer);
	event_del(slot->kill_timer);
	slot_process_clear(&slot->keeper);
	slot_process_clear(&slot->tenant);
	slot->state = SLOT_DOWN;
}
