/* SPDX-License-Identifier: ISC */
/*
 * reload and config-show on the control socket.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf_table.h"
#include "supervisor/control/control.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"

#define ERRORS_MAX (64u * 1024)

static void
on_change(const struct conf_change *change, void *arg)
{
	json_t *list = arg;

	json_array_append_new(list,
	    json_pack("{s:o, s:o, s:o, s:s, s:b}", "key",
		control_text(change->name), "old",
		control_text(change->old_text), "new",
		control_text(change->new_text), "class",
		conf_reload_name(change->reload), "applied",
		change->reload != CONF_RESTART));
}

void
control_run_reload(struct control_call *call)
{
	json_t *changes = json_array();
	struct textbuf errors;
	int rc;

	textbuf_init(&errors, ERRORS_MAX);
	rc = reload_run(call->sup, on_change, changes, &errors);
	if (rc != 0) {
		json_decref(changes);
		control_fail(call, "bad_config", CONTROL_EXIT_REFUSED, "%s",
		    textbuf_text(&errors));
	} else {
		control_done(call,
		    json_pack("{s:o, s:b}", "changed", changes, "applied", 1));
	}
	textbuf_clear(&errors);
}

struct show {
	const struct node_conf *conf;
	json_t *list;
};

static void
on_pair(const char *name, const char *text, void *arg)
{
	struct show *show = arg;
	struct conf_entry entry;
	struct textbuf origin;
	bool is_key;

	if (conf_table_find(settings_table(), name, &entry) != 0)
		return;
	is_key = entry.key != NULL;
	textbuf_init(&origin, 4096);
	node_conf_origin(show->conf, name, &origin);
	json_array_append_new(show->list,
	    json_pack("{s:o, s:o, s:o, s:s, s:s, s:s}", "key",
		control_text(name), "value",
		control_text(
		    is_key && entry.key->flags & CONF_SECRET ? "***" : text),
		"origin", control_text(textbuf_text(&origin)), "class",
		conf_reload_name(
		    is_key ? entry.key->reload : entry.list->reload),
		"type", is_key ? conf_type_name(entry.key->type) : "list",
		"doc", is_key ? entry.key->doc : entry.list->doc));
	textbuf_clear(&origin);
}

/* Whoever asks is in another folder than we are. */
static void
absolute_path(const char *path, char out[2 * PATH_MAX])
{
	char cwd[PATH_MAX];

	if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		snprintf(out, 2 * PATH_MAX, "%s", path);
	else
		snprintf(out, 2 * PATH_MAX, "%s/%s", cwd, path);
}

void
control_run_config_show(struct control_call *call)
{
	struct show show = { .conf = &call->sup->conf, .list = json_array() };
	char path[2 * PATH_MAX];

	conf_table_each(settings_table(), &show.conf->settings, UINT32_MAX,
	    on_pair, &show);
	absolute_path(call->sup->config_path, path);
	control_done(call,
	    json_pack("{s:o, s:o}", "values", show.list, "file",
		control_text(path)));
}
