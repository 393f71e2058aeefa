/* SPDX-License-Identifier: ISC */
/*
 * Across the exec of a failed upgrade (see resume.h).  The memfd holds JSON;
 * writer and reader are the same executable.
 */
#include "supervisor/upgrade/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

static void
on_setting(const char *name, const char *text, void *arg)
{
	json_object_set_new(arg, name, json_string(text));
}

static json_t *
pack(const struct supervisor *sup)
{
	const struct upgrade *upgrade = &sup->upgrade;
	json_t *settings = json_object();
	json_t *all = json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, "
				"s:o}",
	    "error", upgrade->error, "reason", control_text(upgrade->reason),
	    "binary", control_text(upgrade->binary), "started_ms",
	    (json_int_t)upgrade->started_ms, "done",
	    (json_int_t)upgrade->results[UPGRADE_DONE], "refused",
	    (json_int_t)upgrade->results[UPGRADE_REFUSED], "rolled_back",
	    (json_int_t)upgrade->results[UPGRADE_ROLLED_BACK], "generation",
	    (json_int_t)sup->conf.generation, "gateway",
	    control_text(sup->programs.gateway.path), "relay",
	    control_text(sup->programs.relay.path));

	if (all == NULL || settings == NULL) {
		json_decref(settings);
		json_decref(all);
		return NULL;
	}
	conf_table_each(settings_table(), &sup->conf.settings, UINT32_MAX,
	    on_setting, settings);
	json_object_set_new(all, "settings", settings);
	return all;
}

int
resume_store(const struct supervisor *sup, int *out_fd)
{
	json_t *all = pack(sup);
	int fd, rc;

	if (all == NULL)
		return -ENOMEM;
	fd = memfd_create("holdfast-resume", MFD_CLOEXEC);
	if (fd == -1) {
		rc = -errno;
	} else if (json_dumpfd(all, fd, JSON_COMPACT) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1) {
		fd_close(&fd);
		rc = -EIO;
	} else {
		*out_fd = fd;
		rc = 0;
	}
	json_decref(all);
	return rc;
}

json_t *
resume_read(int fd)
{
	json_t *memory;

	if (fd == -1)
		return NULL;
	memory = json_loadfd(fd, 0, NULL);
	fd_close(&fd);
	return memory;
}

static uint64_t
number(const json_t *all, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(all, key));
}

static void
copy(const json_t *all, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(all, key));

	snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void
on_difference(const struct conf_change *change, void *arg)
{
	(void)change;
	(void)arg;
}

int
resume_conf(const json_t *memory, const char *path, struct node_conf *out)
{
	json_t *settings = json_object_get(memory, "settings"), *value;
	struct node_conf *conf = calloc(1, sizeof(*conf));
	char reason[CONF_REASON_SIZE];
	struct textbuf errors;
	const char *name;
	int rc = 0;

	if (conf == NULL || json_object_size(settings) == 0) {
		free(conf);
		return -EINVAL;
	}
	textbuf_init(&errors, 1024);
	if (node_conf_load(path, conf, &errors) != 0)
		conf_tree_init(&conf->tree);
	textbuf_clear(&errors);
	*out = *conf;
	/* Counts come before their items, and JSON objects keep an order. */
	conf_table_defaults(settings_table(), &out->settings);
	json_object_foreach(settings, name, value) {
		rc = conf_table_set(settings_table(), &out->settings, name,
		    json_string_value(value), reason);
		if (rc != 0)
			break;
	}
	out->generation = number(memory, "generation");
	if (rc != 0 ||
	    conf_table_diff(settings_table(), &conf->settings, &out->settings,
		on_difference, NULL) != 0) {
		conf_tree_clear(&out->tree);
		conf_tree_init(&out->tree);
	}
	free(conf);
	return rc;
}

static void
cancel(struct control_call *call)
{
	upgrade_forget(call->sup, call);
}

void
resume_load(struct supervisor *sup, json_t *memory,
    const struct resume_fds *fds)
{
	struct worker_programs *programs = &sup->programs;
	struct upgrade *upgrade = &sup->upgrade;
	char path[4096];
	int caller = fds->caller;

	if (memory == NULL)
		return;
	copy(memory, "error", upgrade->error, sizeof(upgrade->error));
	copy(memory, "reason", upgrade->reason, sizeof(upgrade->reason));
	copy(memory, "binary", upgrade->binary, sizeof(upgrade->binary));
	upgrade->started_ms = number(memory, "started_ms");
	upgrade->results[UPGRADE_DONE] = number(memory, "done");
	upgrade->results[UPGRADE_REFUSED] = number(memory, "refused");
	upgrade->results[UPGRADE_ROLLED_BACK] = number(memory, "rolled_back");
	upgrade->resumes = true;
	copy(memory, "gateway", path, sizeof(path));
	if (fds->gateway != -1)
		(void)worker_program_adopt(&programs->gateway, path,
		    fds->gateway);
	copy(memory, "relay", path, sizeof(path));
	if (fds->relay != -1)
		(void)worker_program_adopt(&programs->relay, path, fds->relay);
	json_decref(memory);
	if (caller == -1)
		return;
	(void)fd_set_cloexec(caller, true);
	(void)fd_set_nonblock(caller, true);
	upgrade->call = control_resume(sup, caller);
	if (upgrade->call != NULL)
		upgrade->call->cancel = cancel;
}

void
resume_settings(struct supervisor *sup)
{
	uint32_t i;

	for (i = 0; i < sup->slot_count; i++) {
		slot_set_keeper_log(sup->slots[i]);
		(void)slot_link_refresh(sup->slots[i]);
	}
}

static void
on_moved(const struct mover_step *step, void *arg)
{
	struct supervisor *sup = arg;

	if (step->slot >= 0)
		return;
	if (!step->ok)
		log_error("slots_not_returned",
		    "some run the programs of the failed upgrade",
		    log_text("reason", step->reason));
	upgrade_tell_failed(sup, UPGRADE_ROLLED_BACK);
}

void
resume_slots(struct supervisor *sup)
{
	if (!sup->upgrade.resumes)
		return;
	sup->upgrade.resumes = false;
	if (mover_start(sup, MOVER_FOREIGN, on_moved, sup) != 0)
		upgrade_tell_failed(sup, UPGRADE_ROLLED_BACK);
}
