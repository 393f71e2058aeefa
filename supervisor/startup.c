/* SPDX-License-Identifier: ISC */
/*
 * Starts a node (see startup.h).
 */
#include "supervisor/startup.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/supervisor.h"

/* The kernel takes tenants first, keepers and us last. */
#define OOM_SCORE_ADJ "-900\n"

static int
failed(const char *kind, const char *message, const char *what, int rc)
{
	log_error(kind, message, log_text("at", what), log_errno(rc));
	return rc;
}

static int
check_programs(const struct supervisor *sup)
{
	static const char *const programs[] = { "holdfast-gateway",
		"holdfast-relay" };
	char path[4096];
	size_t i;
	int rc;

	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		rc = slot_child_find(sup->program_dir, programs[i], path,
		    sizeof(path));
		if (rc != 0)
			return failed("program_missing",
			    "it is neither beside holdfastd nor in "
			    "" HOLDFAST_LIBEXECDIR,
			    programs[i], rc);
	}
	return 0;
}

static int
open_run_dir(struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	pid_t holder = 0;
	int rc;

	rc = run_dir_open(&sup->run_dir, set->node.run_dir, &holder);
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
	return 0;
}

static void
plan_capacity(struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	struct capacity_input in = {
		.slots = set->node.workers,
		.listeners = set->listen_count,
		.wanted = set->node.capacity,
	};
	int rc = fd_raise_nofile(&in.nofile);

	if (rc != 0) {
		log_warn("nofile_unknown", "1024 is assumed", log_errno(rc));
		in.nofile = 1024;
	}
	sup->gateways = set->node.workers;
	sup->capacity = capacity_compute(&in);
	sup->arena = capacity_arena(set->memory.max_arena, sup->gateways);
	if (sup->capacity.node < set->node.capacity)
		log_warn("capacity_lowered",
		    "the limit of open files does not allow node.capacity",
		    log_uint("configured", set->node.capacity),
		    log_uint("effective", sup->capacity.node),
		    log_uint("nofile", in.nofile), log_uint("slots", in.slots),
		    log_uint("reserved_per_slot", sup->capacity.reserve),
		    log_uint("nofile_needed", sup->capacity.nofile_needed));
}

static int
open_node(struct supervisor *sup)
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

static int
start_services(struct supervisor *sup)
{
	int rc;

	rc = signals_start(sup);
	if (rc == 0)
		rc = lifecycle_init(sup);
	if (rc == 0)
		rc = recycler_init(sup);
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

int
startup_run(struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	char error[256];
	uint32_t i;
	int rc;

	rc = slot_user_find(set->node.user, &sup->user);
	if (rc != 0)
		return failed("user_unknown",
		    rc == -ENOENT ? "node.user is no user of this host" :
				    "node.user cannot be used",
		    set->node.user, rc);
	rc = check_programs(sup);
	if (rc == 0)
		rc = open_run_dir(sup);
	if (rc != 0)
		return rc;
	plan_capacity(sup);
	notify_init(&sup->notify, sup->base);
	rc = listener_set_open(&sup->listeners, set, error, sizeof(error));
	if (rc != 0)
		return failed("listen_failed", error, "listen", rc);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		log_warn("no_subreaper",
		    "tenants whose keeper dies are reaped by init",
		    log_errno(errno));
	protect_from_oom();
	rc = open_node(sup);
	if (rc == 0)
		rc = make_slots(sup);
	if (rc == 0)
		rc = start_services(sup);
	if (rc != 0)
		return rc;
	/* The relay last: it is given the gateways' tables and rings. */
	for (i = 0; i < sup->slot_count; i++)
		slot_start(sup->slots[i]);
	sup->relay = sup->slots[sup->slot_count - 1];
	return 0;
}

int
supervisor_run(struct supervisor *sup)
{
	if (startup_run(sup) != 0)
		return 1;
	if (event_base_dispatch(sup->base) == -1) {
		log_error("loop_failed", NULL, log_errno(errno));
		return 1;
	}
	log_notice("stopped", NULL, log_int("exit_code", sup->exit_code));
	return sup->exit_code;
}
