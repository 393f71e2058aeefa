/* SPDX-License-Identifier: ISC */
/*
 * Swaps the configuration of a running node (see reload.h).
 */
#include "supervisor/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "supervisor/listener_change.h"
#include "supervisor/log_setup.h"
#include "supervisor/slot/slot_link.h"
#include "supervisor/supervisor.h"

#define ERRORS_MAX (64u * 1024)

struct pass {
	const struct settings *old;
	struct settings *new;
	bool recycles;
	conf_change_cb *tell;
	void *arg;
};

/* What cannot be changed now stays as it is. */
static void
put_back(struct pass *pass, const char *name)
{
	char reason[CONF_REASON_SIZE];
	struct textbuf text;

	textbuf_init(&text, 64 * 1024);
	if (conf_table_get(settings_table(), pass->old, name, &text) == 0)
		(void)conf_table_set(settings_table(), pass->new, name,
		    textbuf_text(&text), reason);
	textbuf_clear(&text);
}

static void
on_change(const struct conf_change *change, void *arg)
{
	struct pass *pass = arg;

	log_notice("setting_changed", NULL, log_text("key", change->name),
	    log_text("old", change->old_text),
	    log_text("new", change->new_text),
	    log_text("class", conf_reload_name(change->reload)));
	if (change->reload == CONF_RESTART)
		put_back(pass, change->name);
	if (change->reload == CONF_RECYCLE)
		pass->recycles = true;
	if (pass->tell != NULL)
		pass->tell(change, pass->arg);
}

static void
swap_in(struct supervisor *sup, struct node_conf *fresh,
    struct listener_change *listeners)
{
	bool format_changed = fresh->settings.log.format !=
	    sup->conf.settings.log.format;
	uint32_t i;

	fresh->generation = sup->conf.generation + 1;
	listener_change_commit(listeners, &sup->listeners);
	node_conf_clear(&sup->conf);
	sup->conf = *fresh;
	if (format_changed)
		(void)log_setup(&sup->conf.settings);
	(void)supervisor_apply_settings(sup);
	(void)resizer_set(sup, sup->conf.settings.node.workers, NULL);
	for (i = 0; i < sup->slot_count; i++) {
		slot_set_keeper_log(sup->slots[i]);
		(void)slot_link_refresh(sup->slots[i]);
	}
}

/* Is there a connection that came over the listener of that place? */
static bool
is_place_used(uint32_t place, void *arg)
{
	const struct supervisor *sup = arg;
	struct record_view view;
	uint32_t i, rec;
	int rc;

	for (i = 0; i < sup->gateways; i++) {
		const struct table *table = &sup->slots[i]->memory.table;
		uint32_t high = slot_memory_records(&sup->slots[i]->memory);

		if (table->is_foreign && atomic_load(&table->header->live) > 0)
			return true;
		for (rec = 0; rec < high; rec++) {
			rc = table_read(table, rec, &view);
			if (rc == -EAGAIN ||
			    (rc == 0 && view.body.state != RECORD_FREE &&
				view.body.listener == place))
				return true;
		}
	}
	return false;
}

/* What may fail for lack of something outside; nothing is changed then. */
static int
prepare(struct supervisor *sup, const struct node_conf *fresh,
    struct listener_change *listeners, struct textbuf *errors)
{
	const struct settings *set = &fresh->settings;
	char name[CONF_NAME_SIZE];
	uint32_t index = 0;
	int rc;

	rc = listener_change_prepare(listeners, &sup->listeners, set,
	    is_place_used, sup, &index);
	if (rc == 0)
		return 0;
	snprintf(name, sizeof(name), "listen[%u].port", index);
	if (conf_tree_find(&fresh->tree, name) == NULL)
		snprintf(name, sizeof(name), "listen[%u].address", index);
	node_conf_origin(fresh, name, errors);
	textbuf_printf(errors, ": %s: cannot listen on %s port %u: %s\n", name,
	    set->listen[index].address, set->listen[index].port,
	    rc == -ENOSPC ?
		"connections of too many removed listeners are left" :
		strerror(-rc));
	return rc;
}

static int
run(struct supervisor *sup, struct pass *pass, struct textbuf *errors)
{
	struct node_conf *fresh = calloc(1, sizeof(*fresh));
	struct settings *proposed = malloc(sizeof(*proposed));
	struct listener_change *listeners = malloc(sizeof(*listeners));
	int rc = -ENOMEM;

	if (fresh != NULL && proposed != NULL && listeners != NULL) {
		rc = node_conf_load(sup->config_path, fresh, errors);
		if (rc == 0 &&
		    (rc = prepare(sup, fresh, listeners, errors)) != 0)
			node_conf_clear(fresh);
	}
	if (rc == 0) {
		/* Compared as proposed, while what must wait is put back. */
		*proposed = fresh->settings;
		pass->old = &sup->conf.settings;
		pass->new = &fresh->settings;
		conf_table_diff(settings_table(), pass->old, proposed,
		    on_change, pass);
		swap_in(sup, fresh, listeners);
	}
	free(listeners);
	free(fresh);
	free(proposed);
	return rc;
}

int
reload_run(struct supervisor *sup, conf_change_cb *tell, void *arg,
    struct textbuf *errors)
{
	struct pass pass = { .tell = tell, .arg = arg };
	int rc;

	notify_reloading();
	rc = run(sup, &pass, errors);
	if (rc == 0)
		log_notice("reloaded", NULL,
		    log_uint("generation", sup->conf.generation));
	if (rc == 0 && pass.recycles)
		recycler_ask(sup);
	supervisor_event(sup, rc == 0 ? "reloaded" : "reload_refused", -1, NULL,
	    NULL, 0);
	if (sup->was_ready)
		notify_ready();
	return rc;
}

void
reload_by_signal(struct supervisor *sup)
{
	struct textbuf errors;
	char *line, *text, *rest = NULL;
	size_t len;
	int rc;

	textbuf_init(&errors, ERRORS_MAX);
	rc = reload_run(sup, NULL, NULL, &errors);
	if (rc != 0 && textbuf_take(&errors, &text, &len) == 0) {
		for (line = strtok_r(text, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest))
			log_error("reload_refused", "nothing is changed",
			    log_text("at", line));
		free(text);
	}
	textbuf_clear(&errors);
}
