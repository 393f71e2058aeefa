/* SPDX-License-Identifier: ISC */
/*
 * Swaps the configuration of a running node (see reload.h).
 */
#include "supervisor/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "supervisor/log_setup.h"
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
swap_in(struct supervisor *sup, struct node_conf *fresh)
{
	bool format_changed = fresh->settings.log.format !=
	    sup->conf.settings.log.format;
	uint32_t i;

	fresh->generation = sup->conf.generation + 1;
	node_conf_clear(&sup->conf);
	sup->conf = *fresh;
	if (format_changed)
		(void)log_setup(&sup->conf.settings);
	(void)supervisor_apply_settings(sup);
	for (i = 0; i < sup->slot_count; i++)
		(void)slot_send_settings(sup->slots[i]);
}

int
reload_run(struct supervisor *sup, conf_change_cb *tell, void *arg,
    struct textbuf *errors)
{
	struct node_conf *fresh = calloc(1, sizeof(*fresh));
	struct settings *proposed = malloc(sizeof(*proposed));
	struct pass pass = { .old = &sup->conf.settings,
		.tell = tell,
		.arg = arg };
	int rc = -ENOMEM;

	notify_reloading();
	if (fresh != NULL && proposed != NULL)
		rc = node_conf_load(sup->config_path, fresh, errors);
	if (rc == 0) {
		/* Compared as proposed, while what must wait is put back. */
		*proposed = fresh->settings;
		pass.new = &fresh->settings;
		conf_table_diff(settings_table(), &sup->conf.settings, proposed,
		    on_change, &pass);
		swap_in(sup, fresh);
		log_notice("reloaded", NULL,
		    log_uint("generation", sup->conf.generation));
		if (pass.recycles)
			(void)recycler_start(sup, NULL, NULL);
	}
	supervisor_event(sup, rc == 0 ? "reloaded" : "reload_refused", -1, NULL,
	    NULL, 0);
	if (sup->was_ready)
		notify_ready();
	free(fresh);
	free(proposed);
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
