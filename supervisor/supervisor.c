/* SPDX-License-Identifier: ISC */
/*
 * Puts the supervisor together and takes it apart again (see supervisor.h).
 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/random.h"
#include "supervisor/fleet/fleet_deaf.h"
#include "supervisor/fleet/fleet_lease.h"
#include "supervisor/node_capacity.h"
#include "supervisor/slot/slot_handoff.h"
#include "supervisor/upgrade/resume.h"

uint32_t
supervisor_serving(const struct supervisor *sup)
{
	uint32_t i, serving = 0;

	for (i = 0; i < sup->slot_count; i++)
		serving += sup->slots[i]->state == SLOT_SERVING;
	return serving;
}

bool
supervisor_all_serve(const struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		const struct slot *slot = sup->slots[i];

		if (slot->state != SLOT_SERVING && !slot->joining &&
		    !slot->leaving)
			return false;
	}
	return true;
}

bool
supervisor_is_ready(const struct supervisor *sup)
{
	enum slot_path path;

	return sup->lifecycle.state == LIFECYCLE_READY &&
	    supervisor_all_serve(sup) && !fleet_is_cut_off(sup) &&
	    !fleet_is_taken(sup) && !fleet_is_deaf(sup, &path);
}

void
supervisor_event(struct supervisor *sup, const char *kind, int slot,
    const char *client, const char *text, int64_t value)
{
	const struct event_entry *entry = event_log_add(&sup->events,
	    clock_real_ms(), kind, slot, client, text, value);

	control_on_event(sup, entry);
}

void
supervisor_slot_changed(struct supervisor *sup, struct slot *slot)
{
	(void)slot;
	readopt_slot_changed(sup);
	if (sup->is_open)
		lifecycle_slot_changed(sup);
	resizer_poke(sup);
}

void
supervisor_became_ready(struct supervisor *sup)
{
	int rc = run_dir_write_pid(&sup->run_dir);

	if (rc != 0)
		log_warn("pid_file_failed", "there is none",
		    log_text("run_dir", sup->run_dir.path), log_errno(rc));
	sup->was_ready = true;
	/* The manager does not listen to us yet; the one before us will tell.
	 */
	if (sup->successor.state == SUCCESSOR_NONE)
		notify_ready();
	log_notice("ready", NULL, log_uint("slots", sup->slot_count),
	    log_uint("capacity", sup->capacity.node),
	    log_uint("ms", clock_mono_ms() - sup->started_ms));
	successor_ready(sup);
	resume_slots(sup);
}

void
supervisor_give_up(struct supervisor *sup, const struct slot *slot)
{
	log_error("start_failed", "a slot cannot be started; giving up",
	    log_text("slot", slot->label));
	sup->exit_code = 1;
	lifecycle_stop(sup, false);
}

int
supervisor_apply_settings(struct supervisor *sup)
{
	int gateway = -1, relay = -1, rc;

	log_set_level((enum log_level)sup->conf.settings.log.level);
	if (sup->node.shared != NULL)
		node_capacity_apply(sup);
	fleet_apply_settings(sup);
	if (sup->watch.beat != NULL)
		slot_watch_rearm(sup);
	rc = node_conf_pack(&sup->conf, SETTINGS_GATEWAY, &gateway);
	if (rc == 0)
		rc = node_conf_pack(&sup->conf, SETTINGS_RELAY, &relay);
	if (rc != 0) {
		fd_close(&gateway);
		log_error("settings_not_sent", "workers keep the old ones",
		    log_errno(rc));
		return rc;
	}
	fd_close(&sup->gateway_settings);
	fd_close(&sup->relay_settings);
	sup->gateway_settings = gateway;
	sup->relay_settings = relay;
	run_state_save_settings(sup);
	return 0;
}

void
supervisor_reopen_log(struct supervisor *sup)
{
	uint32_t i;
	int rc = log_reopen();

	if (rc != 0) {
		log_error("log_reopen_failed", "the old file stays in use",
		    log_errno(rc));
		return;
	}
	for (i = 0; i < sup->slot_count; i++)
		(void)slot_send_log(sup->slots[i]);
	log_info("log_reopened", NULL);
}

int
supervisor_init(struct supervisor *sup, struct node_conf *conf,
    const char *config_path)
{
	char *slash;
	ssize_t len;

	memset(sup, 0, sizeof(*sup));
	sup->conf = *conf;
	sup->node_fd = sup->gateway_settings = sup->relay_settings = -1;
	sup->run_dir.lock = sup->signals.fd = sup->init_fd = -1;
	sup->run_dir.state_lock = -1;
	sup->started_ms = clock_mono_ms();
	listener_set_init(&sup->listeners);
	claims_init(&sup->claims);
	TAILQ_INIT(&sup->control.clients);
	worker_programs_init(&sup->programs);
	worker_programs_init(&sup->successor.old);
	upgrade_link_init(&sup->successor.link);
	upgrade_link_init(&sup->upgrade.link);
	sup->upgrade.pidfd = sup->upgrade.output = -1;
	relay_requests_init(&sup->requests);
	snprintf(sup->config_path, sizeof(sup->config_path), "%s", config_path);
	len = readlink("/proc/self/exe", sup->program_dir,
	    sizeof(sup->program_dir) - 1);
	if (len > 0 && (slash = strrchr(sup->program_dir, '/')) != NULL)
		*slash = '\0';
	random_bytes(sup->hash_key, sizeof(sup->hash_key));
	sup->base = event_base_new();
	return sup->base == NULL ? -ENOMEM : event_log_init(&sup->events);
}

void
supervisor_clear(struct supervisor *sup)
{
	uint32_t i;

	upgrade_clear(sup);
	successor_clear(sup);
	fleet_stop(sup);
	control_stop(sup);
	admin_stop(sup);
	claims_stop(sup);
	readopt_clear(sup);
	slot_watch_stop(sup);
	recycler_clear(sup);
	resizer_clear(sup);
	relay_requests_clear(&sup->requests);
	mover_clear(sup);
	for (i = 0; i < sup->slot_count; i++)
		slot_free(slot_handoff_end(sup->slots[i], "the node ends"));
	slot_handoff_sweep(sup, true);
	sup->slot_count = 0;
	lifecycle_clear(sup);
	signals_stop(sup);
	notify_clear(&sup->notify);
	listener_set_close(&sup->listeners);
	if (sup->node.shared != NULL)
		node_detach(&sup->node);
	fd_close(&sup->node_fd);
	fd_close(&sup->init_fd);
	fd_close(&sup->gateway_settings);
	fd_close(&sup->relay_settings);
	worker_programs_close(&sup->programs);
	run_dir_close(&sup->run_dir);
	event_log_clear(&sup->events);
	node_conf_clear(&sup->conf);
	if (sup->base != NULL) {
		/* What was cancelled last is freed in a turn of the loop. */
		(void)event_base_loop(sup->base, EVLOOP_NONBLOCK);
		event_base_free(sup->base);
	}
	libevent_global_shutdown();
}
