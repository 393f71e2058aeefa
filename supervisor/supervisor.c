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

uint32_t
supervisor_serving(const struct supervisor *sup)
{
	uint32_t i, serving = 0;

	for (i = 0; i < sup->slot_count; i++)
		serving += sup->slots[i]->state == SLOT_SERVING;
	return serving;
}

bool
supervisor_is_ready(const struct supervisor *sup)
{
	return sup->lifecycle.state == LIFECYCLE_READY &&
	    supervisor_serving(sup) == sup->slot_count;
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
	lifecycle_slot_changed(sup);
}

void
supervisor_became_ready(struct supervisor *sup)
{
	int rc = run_dir_write_pid(&sup->run_dir);

	if (rc != 0)
		log_warn("pid_file_failed", "there is none",
		    log_text("run_dir", sup->run_dir.path), log_errno(rc));
	sup->was_ready = true;
	notify_ready();
	log_notice("ready", NULL, log_uint("slots", sup->slot_count),
	    log_uint("capacity", sup->capacity.node),
	    log_uint("ms", clock_mono_ms() - sup->started_ms));
}

void
supervisor_give_up(struct supervisor *sup, const struct slot *slot)
{
	log_error("start_failed", "a slot cannot be started; giving up",
	    log_text("slot", slot->label));
	sup->exit_code = 1;
	lifecycle_stop(sup, false);
}

static void
apply_capacity(struct supervisor *sup)
{
	const struct settings *set = &sup->conf.settings;
	struct node_shared *shared = sup->node.shared;
	uint32_t i;

	sup->arena = capacity_arena(set->memory.max_arena, sup->gateways);
	sup->capacity.node = set->node.capacity < sup->capacity.possible ?
	    set->node.capacity :
	    (uint32_t)sup->capacity.possible;
	atomic_store(&shared->capacity, sup->capacity.node);
	atomic_store(&shared->retry_after_ms,
	    (uint32_t)set->admission.retry_after_ms);
	/* Before the slots are made there are none yet. */
	for (i = 0; i < sup->gateways && i < sup->slot_count; i++) {
		struct slot_header *header = sup->slots[i]->memory.table.header;

		if (header != NULL)
			atomic_store(&header->arena_limit_kib,
			    (uint32_t)(sup->arena.limit / 1024));
	}
}

int
supervisor_apply_settings(struct supervisor *sup)
{
	int gateway = -1, relay = -1, rc;

	log_set_level((enum log_level)sup->conf.settings.log.level);
	if (sup->node.shared != NULL)
		apply_capacity(sup);
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
	for (i = 0; i < sup->slot_count; i++) {
		if (log_fd() != -1)
			(void)slot_send_log(sup->slots[i], log_fd());
	}
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
	sup->run_dir.lock = sup->signals.fd = -1;
	sup->started_ms = clock_mono_ms();
	listener_set_init(&sup->listeners);
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

	control_stop(sup);
	admin_stop(sup);
	slot_watch_stop(sup);
	recycler_clear(sup);
	relay_requests_clear(&sup->requests);
	for (i = 0; i < sup->slot_count; i++)
		slot_free(sup->slots[i]);
	sup->slot_count = 0;
	lifecycle_clear(sup);
	signals_stop(sup);
	notify_clear(&sup->notify);
	listener_set_close(&sup->listeners);
	if (sup->node.shared != NULL)
		node_detach(&sup->node);
	fd_close(&sup->node_fd);
	fd_close(&sup->gateway_settings);
	fd_close(&sup->relay_settings);
	run_dir_close(&sup->run_dir);
	event_log_clear(&sup->events);
	node_conf_clear(&sup->conf);
	if (sup->base != NULL)
		event_base_free(sup->base);
	libevent_global_shutdown();
}
