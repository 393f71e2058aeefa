/* SPDX-License-Identifier: ISC */
/*
 * The life of a keeper (DESIGN section 2).  It shares its fd table with the
 * tenant, so that the slot's sockets stay open whatever happens to that one;
 * after each death it executes itself anew, so that the next tenant has another
 * address-space layout and canary, and starts that tenant.  While a tenant
 * runs it opens no fd, not even for a moment, and sees to it that libc cannot:
 * the sweep of a starting tenant would close it as a stray one, and the close
 * that follows here would hit whatever has the number by then.  It owns the
 * slot's first pages, mapped, and the tenant's pidfd.
 */
#include "worker/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "proto/slot_owner.h"
#include "proto/table.h"
#include "worker/restart.h"
#include "worker/slot_fds.h"
#include "worker/tenant.h"

/* The first wait after a failed clone3() or exec, and the longest. */
#define RETRY_MS     20
#define RETRY_MAX_MS 2000
#define EXEC_TRIES   4
/* How often a keeper that has no supervisor looks for a new channel. */
#define RENEW_MS 200

/* Until a tenant has written the policy of its settings into the header. */
static const struct restart_policy default_policy = { 100, 10000, 60000 };

static int
map_slot(struct keeper *k)
{
	struct slot_header *slot;
	struct stat st;

	if (fstat(k->table_fd, &st) == -1)
		return -errno;
	if (st.st_size < (off_t)SLOT_HEADER_BYTES)
		return -EPROTO;
	slot = mmap(NULL, SLOT_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    k->table_fd, 0);
	if (slot == MAP_FAILED)
		return -errno;
	if (slot->magic != SLOT_MAGIC || slot->layout != SLOT_LAYOUT ||
	    slot->kind != (uint32_t)k->ops->kind || slot->slot != k->slot_no) {
		munmap(slot, SLOT_HEADER_BYTES);
		return -EPROTO;
	}
	k->slot = slot;
	return 0;
}

/*
 * Watches tenant and supervisor until one of them has news or timeout_ms (-1:
 * for ever) is over.  True: the tenant has ended.
 */
static bool
watch(struct keeper *k, int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = k->pidfd, .events = POLLIN },
		{ .fd = k->has_supervisor ? k->channel.fd : -1,
		    .events = POLLIN },
	};
	int rc;

	if (k->owes_started)
		fds[1].events |= POLLOUT;
	/* What the tenant writes into the directory wakes nobody. */
	if (k->is_started && !k->has_supervisor &&
	    (timeout_ms == -1 || timeout_ms > RENEW_MS))
		timeout_ms = RENEW_MS;
	rc = poll(fds, 2, timeout_ms);
	if (k->is_started && !k->has_supervisor)
		keeper_channel_renew(k);
	if (rc <= 0)
		return false;
	if ((fds[1].revents & POLLOUT) != 0 && k->owes_started)
		keeper_tell_started(k);
	if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		keeper_channel_read(k);
	return fds[0].revents != 0;
}

/* Waits without a tenant; a Stop ends it. */
static void
pause_for(struct keeper *k, uint64_t ms)
{
	uint64_t until = clock_mono_ms() + ms;
	uint64_t now = clock_mono_ms();

	while (!k->is_stopped && now < until) {
		watch(k, (int)(until - now));
		now = clock_mono_ms();
	}
}

/* The numbers in the directory are from now on those of this fd table. */
static int
fill_directory(struct keeper *k)
{
	int old, rc;

	for (uint32_t i = 0; i < SLOT_MAX_FDS; i++)
		atomic_store(&k->slot->fds[i].kind, (uint32_t)SLOT_FD_NONE);
	rc = slot_fds_put(k->slot, SLOT_FD_KEEPER_CHANNEL, 0, k->channel.fd,
	    &old);
	for (uint32_t i = 0; rc == 0 && i < k->given_count; i++) {
		const struct keeper_fd *given = &k->given[i];

		rc = slot_fds_put(k->slot, given->kind, given->index, given->fd,
		    &old);
		if (rc == 0)
			fd_close(&old);
	}
	return rc;
}

/* Only while no tenant runs: the log may look at fds. */
static void
follow_log(struct keeper *k)
{
	struct log_options log = log_options_default();
	uint32_t level = atomic_load(&k->slot->log_level);
	uint32_t format = atomic_load(&k->slot->log_format);

	if (level > LOG_LEVEL_ERROR || format > LOG_FORMAT_JSON)
		return;
	log.level = (enum log_level)level;
	log.format = (enum log_format)format;
	log.label = k->label;
	(void)log_open(&log);
}

/* From Hello to Start; before that there is nothing worth keeping. */
static void
begin(struct keeper *k, int channel_fd)
{
	int rc = 0;

	keeper_channel_open(k, channel_fd, true);
	while (k->has_supervisor && !k->is_stopped && !k->is_started)
		watch(k, -1);
	if (!k->is_started)
		return;
	for (uint32_t i = 0; i < k->given_count; i++)
		if (k->given[i].kind == SLOT_FD_TABLE &&
		    k->given[i].index == SLOT_FD_OWN)
			k->table_fd = k->given[i].fd;
	if (k->table_fd == -1)
		fatal("no_table", "the supervisor gave no slot table");
	rc = table_make_own(k->table_fd);
	if (rc == 0)
		rc = map_slot(k);
	if (rc == 0)
		rc = fill_directory(k);
	if (rc != 0)
		fatal("bad_slot", "the slot cannot be used", log_errno(rc));
	atomic_store(&k->slot->handoff_taking, k->is_taker ? 1u : 0u);
	atomic_store(&k->slot->keeper_channel, k->channel.fd);
	follow_log(k);
}

/* After an exec: all there is to know is in the header. */
static void
resume(struct keeper *k, int table_fd)
{
	int rc, fd;

	k->is_started = true;
	k->table_fd = table_fd;
	while ((rc = map_slot(k)) == -ENOMEM)
		pause_for(k, RETRY_MS);
	if (rc != 0)
		fatal("bad_slot", "its connections are lost", log_errno(rc));
	follow_log(k);
	fd = slot_fds_find(k->slot, SLOT_FD_KEEPER_CHANNEL, 0);
	if (fd == -1)
		return;
	/* Hello was said, unless the last tenant has brought a new one. */
	keeper_channel_open(k, fd, atomic_load(&k->slot->keeper_channel) != fd);
	keeper_channel_read(k);
	keeper_channel_tidy(k);
}

/* clone3(): the pid, 0 in the tenant, -errno. */
static int
clone_tenant(int *out_pidfd)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_FILES | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == -1)
		return -errno;
	*out_pidfd = pidfd;
	return (int)pid;
}

static void
start_tenant(struct keeper *k)
{
	struct worker worker = { .ops = k->ops,
		.slot = k->slot,
		.slot_no = k->slot_no };
	uint32_t retry_ms = RETRY_MS;
	int pid = -1;

	k->slot->generation++;
	k->slot->served_ns = 0;
	if (slot_owner_claim(&k->slot->owner, k->slot->generation) != 0) {
		log_notice("slot_moved", "another keeper has it");
		k->is_stopped = true;
		return;
	}
	atomic_store(&k->slot->keeper_pid, (uint32_t)getpid());
	atomic_store(&k->slot->tenant_state, (uint32_t)TENANT_ADOPTING);
	worker.generation = k->slot->generation;
	while (!k->is_stopped && (pid = clone_tenant(&k->pidfd)) < 0) {
		log_error("clone_failed", "the slot waits for its tenant",
		    log_errno(pid), log_uint("retry_ms", retry_ms));
		pause_for(k, retry_ms);
		retry_ms = retry_ms * 2 < RETRY_MAX_MS ? retry_ms * 2 :
							 RETRY_MAX_MS;
	}
	if (k->is_stopped)
		return;
	if (pid == 0)
		tenant_main(&worker);
	if (process_forbid_fds(&k->fd_limit) != 0)
		k->fd_limit = 0;
	k->pid = pid;
	atomic_store(&k->slot->tenant_pid, (uint32_t)pid);
	counter_add(&k->slot->counters, COUNTER_TENANT_STARTS, 1);
	log_info("tenant_started", NULL, log_int("tenant_pid", pid),
	    log_uint("generation", k->slot->generation));
	keeper_tell_started(k);
}

/* Writes the tenant's death into the header; the time until the next one. */
static uint32_t
record_death(struct keeper *k, int status)
{
	struct slot_header *slot = k->slot;
	struct restart_policy policy = { slot->backoff_ms, slot->backoff_max_ms,
		slot->crash_window_ms };
	struct restart_death death = { .status = status,
		.was_stalled = slot->killed_for_stall == 1,
		.has_served = slot->served_ns != 0,
		.in_step = slot->step.kind != STEP_NONE };
	uint32_t delay;

	if (policy.crash_window_ms == 0)
		policy = default_policy;
	slot->died_ns = clock_mono_ns();
	slot->last_exit = status;
	if (death.has_served && slot->died_ns > slot->served_ns)
		death.served_ms = (slot->died_ns - slot->served_ns) / 1000000;
	slot->crashes_in_row = restart_in_row(&policy, &death,
	    slot->crashes_in_row);
	delay = restart_delay_ms(&policy, &death, slot->crashes_in_row);
	counter_add(&slot->counters, restart_counter(&death), 1);
	atomic_store(&slot->killed_for_stall,
	    restart_is_stall(&death) ? 2u : 0u);
	atomic_store(&slot->tenant_pid, 0u);
	atomic_store(&slot->tenant_state, (uint32_t)TENANT_NONE);
	return delay;
}

static uint32_t
bury_tenant(struct keeper *k)
{
	siginfo_t info = { .si_pid = 0 };
	uint32_t delay;
	int status, rc;

	do
		rc = waitid(P_PIDFD, (id_t)k->pidfd, &info, WEXITED);
	while (rc == -1 && errno == EINTR);
	status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
	delay = record_death(k, status);
	follow_log(k);
	if (status == WORKER_EXIT_RECYCLE || status == WORKER_EXIT_LEAVE)
		log_info("tenant_left", NULL, log_int("tenant_pid", k->pid),
		    log_int("status", status));
	else if (k->is_stopped)
		log_info("tenant_stopped", NULL, log_int("tenant_pid", k->pid),
		    log_int("status", status));
	else
		log_warn("tenant_died", "its connections stay open",
		    log_int("tenant_pid", k->pid), log_int("status", status),
		    log_uint("in_row", k->slot->crashes_in_row),
		    log_uint("restart_ms", delay));
	keeper_tell_exited(k, delay);
	fd_close(&k->pidfd);
	if (k->fd_limit != 0)
		(void)process_allow_fds(k->fd_limit);
	return delay;
}

/* A taker died: had it got the slot by then? */
static bool
has_taken(struct keeper *k)
{
	int fd = slot_fds_find(k->slot, SLOT_FD_GIVEN_TABLE, 0);
	const struct slot_header *from;
	bool taken;

	if (fd == -1)
		return false;
	/* Another version's, maybe: the word is in the common part. */
	from = mmap(NULL, SLOT_COMMON_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (from == MAP_FAILED)
		return false;
	taken = slot_owner_was_committed(&from->owner, k->slot->handoff_token);
	munmap((void *)(uintptr_t)from, SLOT_COMMON_BYTES);
	if (taken)
		atomic_store(&k->slot->handoff_taking, 0u);
	return taken;
}

/* Returns only when it cannot be done: then the old image has to serve. */
static void
exec_self(struct keeper *k)
{
	char program[32], slot[12], table[12];
	char keeper[] = "--keeper", slot_key[] = "--slot";
	char resume_key[] = "--resume";
	char *argv[] = { program, keeper, slot_key, slot, resume_key, table,
		NULL };
	uint32_t retry_ms = RETRY_MS;

	snprintf(program, sizeof(program), "%s", k->ops->program);
	snprintf(slot, sizeof(slot), "%u", k->slot_no);
	snprintf(table, sizeof(table), "%d", k->table_fd);
	for (int i = 0; i < EXEC_TRIES && !k->is_stopped; i++) {
		execv("/proc/self/exe", argv);
		log_error("exec_failed",
		    "the next tenant may have to start "
		    "with an old address-space layout",
		    log_errno(errno));
		pause_for(k, retry_ms);
		retry_ms *= 2;
	}
}

static void
stop(struct keeper *k)
{
	log_info("keeper_stopped", NULL);
	if (k->pidfd == -1)
		return;
	fd_pidfd_signal(k->pidfd, SIGKILL);
	bury_tenant(k);
}

int
keeper_main(const struct worker_ops *ops, const struct keeper_args *args)
{
	struct log_options log = log_options_default();
	struct keeper k = { .ops = ops,
		.slot_no = args->slot_no,
		.table_fd = -1,
		.pidfd = -1,
		.start_time = proc_start_time(getpid()) };

	k.channel.fd = -1;
	snprintf(k.label, sizeof(k.label),
	    ops->kind == SLOT_KIND_GATEWAY ? "%c%u-keeper" : "%c-keeper",
	    ops->label, k.slot_no);
	log.label = k.label;
	process_signals();
	process_name(k.label);
	/* Or the first log line beside a tenant opens /etc/localtime. */
	tzset();
	log_open(&log);
	if (args->table_fd == -1)
		begin(&k, args->channel_fd);
	else
		resume(&k, args->table_fd);
	while (k.is_started && !k.is_stopped) {
		uint32_t delay;

		start_tenant(&k);
		while (!k.is_stopped && !watch(&k, -1))
			;
		if (k.is_stopped)
			break;
		delay = bury_tenant(&k);
		if (k.slot->last_exit == WORKER_EXIT_LEAVE ||
		    (atomic_load(&k.slot->handoff_taking) != 0 &&
			!has_taken(&k))) {
			/* Closing thousands of sockets takes a while, and may
			 * be on the CPU of whoever has them now. */
			process_step_back();
			return 0;
		}
		keeper_channel_tidy(&k);
		pause_for(&k, delay);
		exec_self(&k);
	}
	stop(&k);
	return 0;
}
