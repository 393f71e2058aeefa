/* SPDX-License-Identifier: ISC */
/*
 * Starts a node (see startup.h).
 */
#include "supervisor/startup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/node_capacity.h"
#include "supervisor/slot/startup_found.h"
#include "supervisor/supervisor.h"

/* The supervisor before us lets go of the lock, or is dying. */
#define LOCK_MS 3000

/* The kernel takes tenants first, keepers and us last. */
#define OOM_SCORE_ADJ "-900\n"

static int
failed(const char *kind, const char *message, const char *what, int rc)
{
	log_error(kind, message, log_text("at", what), log_errno(rc));
	return rc;
}

static int
open_programs(struct supervisor *sup)
{
	const char *missing;
	int rc = worker_programs_open(&sup->programs, sup->program_dir,
	    &missing);

	if (rc != 0)
		return failed("program_missing",
		    "it is neither beside holdfastd nor in "
		    "" HOLDFAST_LIBEXECDIR,
		    missing, rc);
	return 0;
}

/* A member of a fleet is known by what it keeps there: a second one would be
 * taken for the first. */
static int
lock_state_dir(struct supervisor *sup, uint64_t until)
{
	const struct settings *set = &sup->conf.settings;
	pid_t holder = 0;
	int rc;

	if (set->redis.url[0] == '\0')
		return 0;
	do {
		rc = run_dir_lock_state(&sup->run_dir, set->node.state_dir,
		    &holder);
	} while (rc == -EBUSY && sup->successor.state != SUCCESSOR_NONE &&
	    clock_mono_ms() < until && poll(NULL, 0, 10) == 0);
	if (rc == -EBUSY) {
		log_error("state_dir_in_use",
		    "another holdfastd runs with this node.state_dir",
		    log_text("state_dir", set->node.state_dir),
		    log_int("holder_pid", holder));
		return rc;
	}
	if (rc != 0)
		log_warn("state_dir_unlocked",
		    "a second node with it would not be found out",
		    log_text("state_dir", set->node.state_dir), log_errno(rc));
	return 0;
}

static int
open_run_dir(struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	uint64_t until = clock_mono_ms() + LOCK_MS;
	pid_t holder = 0;
	int rc;

	do {
		rc = run_dir_open(&sup->run_dir, set->node.run_dir, &holder);
	} while (rc == -EBUSY && sup->successor.state != SUCCESSOR_NONE &&
	    clock_mono_ms() < until && poll(NULL, 0, 10) == 0);
	if (rc == -EBUSY) {
		log_error("run_dir_in_use",
		    "another holdfastd runs with this node.run_dir",
		    log_text("run_dir", set->node.run_dir),
		    log_int("holder_pid", holder));
		return rc;
	}
	if (rc != 0)
		return failed("run_dir_failed", "node.run_dir cannot be used",
		    set->node.run_dir, rc);
	rc = run_dir_make(set->node.state_dir);
	if (rc != 0)
		return failed("state_dir_failed",
		    "node.state_dir cannot be used", set->node.state_dir, rc);
	return lock_state_dir(sup, until);
}

static int
make_node(struct supervisor *sup)
{
	uint32_t entries = capacity_ip_entries(sup->capacity.per_slot);
	int rc;

	rc = fd_memfd_create("holdfast-node", node_bytes(entries),
	    &sup->node_fd);
	if (rc == 0)
		rc = node_format(sup->node_fd, sup->gateways, entries,
		    sup->hash_key);
	if (rc == 0)
		rc = node_attach(&sup->node, sup->node_fd);
	return rc;
}

static int
open_node(struct supervisor *sup)
{
	int rc = sup->node_fd == -1 ? make_node(sup) : 0;

	if (rc != 0)
		return failed("node_memory_failed", NULL, "node memfd", rc);
	atomic_store(&sup->node.shared->supervisor_pid, (uint32_t)getpid());
	return supervisor_apply_settings(sup);
}

static int
make_slots(struct supervisor *sup)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sup->gateways; i++) {
		rc = slot_new(sup, SLOT_KIND_GATEWAY, i, &sup->slots[i]);
		if (rc == 0)
			sup->slot_count = i + 1;
	}
	if (rc == 0)
		rc = slot_new(sup, SLOT_KIND_RELAY, SUPERVISOR_RELAY_SLOT,
		    &sup->slots[i]);
	if (rc != 0)
		return failed("slots_failed", NULL, "slots", rc);
	sup->slot_count = i + 1;
	sup->relay = sup->slots[i];
	return 0;
}

/* Keepers inherit this; tenants raise theirs. */
static void
protect_from_oom(void)
{
	int rc = fd_write_file("/proc/self/oom_score_adj", OOM_SCORE_ADJ);

	if (rc != 0)
		log_debug("oom_score_kept", NULL, log_errno(rc));
}

/* What slots need that are taken over. */
static int
start_loop(struct supervisor *sup)
{
	int rc = lifecycle_init(sup);

	if (rc == 0)
		rc = recycler_init(sup);
	if (rc == 0)
		rc = mover_init(sup);
	if (rc == 0)
		rc = upgrade_init(sup);
	if (rc == 0)
		rc = resizer_init(sup);
	if (rc != 0)
		return failed("start_failed", NULL, "event loop", rc);
	rc = claims_start(sup);
	if (rc != 0)
		return failed("claims_failed",
		    "the socket for workers cannot be opened",
		    sup->run_dir.path, rc);
	return 0;
}

static int
start_services(struct supervisor *sup)
{
	int rc;

	rc = signals_start(sup);
	if (rc == 0)
		rc = slot_watch_start(sup);
	if (rc != 0)
		return failed("start_failed", NULL, "event loop", rc);
	rc = control_start(sup);
	if (rc != 0)
		return failed("control_failed",
		    "the control socket cannot be opened", sup->control.path,
		    rc);
	rc = admin_start(sup);
	if (rc != 0)
		return failed("admin_failed", NULL, "admin", rc);
	return 0;
}

static int
check_system(struct supervisor *sup)
{
	const char *user = sup->conf.settings.node.user;
	int rc = slot_user_find(user, &sup->user);

	if (rc != 0)
		return failed("user_unknown",
		    rc == -ENOENT ? "node.user is no user of this host" :
				    "node.user cannot be used",
		    user, rc);
	return open_programs(sup);
}

static int
open_listeners(struct supervisor *sup)
{
	char error[256];
	int rc = listener_set_open(&sup->listeners, &sup->conf.settings, error,
	    sizeof(error));

	return rc != 0 ? failed("listen_failed", error, "listen", rc) : 0;
}

/* Everything up to the slots that are not there yet. */
static int
open_all(struct supervisor *sup, const struct startup_found *found)
{
	int rc;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		log_warn("no_subreaper",
		    "tenants whose keeper dies are reaped by init",
		    log_errno(errno));
	protect_from_oom();
	rc = make_slots(sup);
	if (rc == 0)
		rc = start_loop(sup);
	if (rc == 0)
		rc = startup_found_adopt(sup, found);
	if (rc == 0)
		rc = open_listeners(sup);
	if (rc == 0)
		rc = open_node(sup);
	if (rc == 0)
		rc = start_services(sup);
	return rc;
}

/* The relay last: it is given the gateways' tables and rings. */
void
supervisor_admitted(struct supervisor *sup)
{
	uint32_t i;

	/* Told to stop before it began. */
	if (sup->lifecycle.state != LIFECYCLE_STARTING)
		return;
	lifecycle_restore(sup);
	for (i = 0; i < sup->slot_count; i++) {
		if (sup->slots[i]->state == SLOT_DOWN)
			slot_start(sup->slots[i]);
	}
	readopt_tell_relay(sup);
	run_state_save_slots(sup);
	sup->is_open = true;
	resizer_open(sup);
	lifecycle_slot_changed(sup);
}

int
startup_run(struct supervisor *sup)
{
	struct startup_found found;
	int rc = signals_block();

	if (rc == 0)
		rc = open_run_dir(sup);
	if (rc == 0)
		rc = startup_found_load(sup, &found);
	if (rc != 0)
		return rc;
	rc = check_system(sup);
	if (rc == 0) {
		node_capacity_plan(sup);
		notify_init(&sup->notify, sup->base);
		rc = open_all(sup, &found);
	}
	if (rc == 0) {
		rc = fleet_start(sup, found.slots == NULL);
		if (rc != 0)
			(void)failed("fleet_failed", NULL, "fleet", rc);
	}
	if (rc == 0)
		startup_found_reload(sup, &found);
	startup_found_clear(&found);
	return rc;
}

static bool
has_ended(const struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		if (sup->slots[i]->state != SLOT_STOPPED)
			return false;
	}
	return true;
}

int
supervisor_run(struct supervisor *sup)
{
	int rc = startup_run(sup);

	if (rc == 0 && event_base_dispatch(sup->base) == -1) {
		log_error("loop_failed", "the slots serve on",
		    log_errno(errno));
		rc = -EIO;
	}
	/* Whoever comes next takes them over. */
	if (rc != 0) {
		successor_refuse(sup, "start_failed",
		    "it cannot take the slots over; its log says why");
		readopt_let_go(sup);
		return 1;
	}
	if (!upgrade_fsm_is_aside(sup->upgrade.state) && has_ended(sup))
		run_state_remove(sup);
	log_notice("stopped", NULL, log_int("exit_code", sup->exit_code));
	return sup->exit_code;
}
