/* SPDX-License-Identifier: ISC */
/*
 * Commands about the whole node: status, workers, reload, restart, stop,
 * log-level and version.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_view.h"

#define VIEW_MAX (1024u * 1024)

static int
show(struct ctl *ctl, const char *command,
    int (*view)(const json_t *, struct textbuf *))
{
	struct textbuf out;
	json_t *result;
	int code = ctl_ask_simply(ctl, command, &result), rc;

	if (code != CTL_DONE || result == NULL)
		return code;
	textbuf_init(&out, VIEW_MAX);
	rc = view(result, &out);
	if (rc == 0)
		fputs(textbuf_text(&out), stdout);
	else
		code = ctl_fail(ctl, CTL_REFUSED, "failed", "%s",
		    strerror(-rc));
	textbuf_clear(&out);
	json_decref(result);
	return code;
}

int
cmd_status(struct ctl *ctl)
{
	return show(ctl, "status", ctl_view_status);
}

int
cmd_workers(struct ctl *ctl)
{
	return show(ctl, "workers", ctl_view_workers);
}

static const char *
class_text(const char *class)
{
	if (strcmp(class, "restart") == 0)
		return "waits for the next holdfastd";
	if (strcmp(class, "recycle") == 0)
		return "workers are being replaced";
	if (strcmp(class, "new-connections") == 0)
		return "for new connections";
	return "at once";
}

static int
show_changes(const json_t *changes)
{
	struct ctl_table table;
	size_t i;

	if (json_array_size(changes) == 0) {
		puts("nothing has changed");
		return CTL_DONE;
	}
	ctl_table_init(&table);
	ctl_table_column(&table, "KEY", CTL_LEFT);
	ctl_table_column(&table, "OLD", CTL_LEFT);
	ctl_table_column(&table, "NEW", CTL_LEFT);
	ctl_table_column(&table, "TAKES EFFECT", CTL_LEFT);
	for (i = 0; i < json_array_size(changes); i++) {
		const json_t *change = json_array_get(changes, i);

		ctl_table_cell(&table, ctl_text(change, "key"));
		ctl_table_cell(&table, ctl_text(change, "old"));
		ctl_table_cell(&table, ctl_text(change, "new"));
		ctl_table_cell(&table, class_text(ctl_text(change, "class")));
	}
	return ctl_put_table(&table);
}

int
cmd_reload(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "reload", &result);

	if (code != CTL_DONE || result == NULL)
		return code;
	code = show_changes(json_object_get(result, "changed"));
	json_decref(result);
	return code;
}

struct progress {
	bool json;
	bool is_terminal;
	bool bar_shown;
};

static void
on_progress(const json_t *line, void *arg)
{
	struct progress *progress = arg;
	const json_t *step = json_object_get(line, "progress");
	bool ok = json_is_true(json_object_get(step, "ok"));
	long long done = (long long)ctl_int(step, "done");
	long long total = (long long)ctl_int(step, "total");
	char label[16];

	if (progress->json) {
		ctl_put_json(line);
		fflush(stdout);
	} else if (progress->is_terminal) {
		ctl_put_bar(done, total, "");
		progress->bar_shown = true;
		if (!ok)
			fprintf(stderr, "\n%s was not replaced in time\n",
			    ctl_slot_label(step, label));
	} else {
		ctl_put_line("%s %s, %lld of %lld", ctl_slot_label(step, label),
		    ok ? "replaced" : "not replaced in time", done, total);
		fflush(stdout);
	}
}

int
cmd_restart(struct ctl *ctl)
{
	struct progress progress = { .json = ctl->options.json,
		.is_terminal = isatty(STDERR_FILENO) };
	json_t *result;
	int code;

	code = ctl_ask(ctl,
	    json_pack("{s:s, s:b}", "command", "restart", "keepers",
		(ctl->options.given & CTL_OPT_KEEPERS) != 0),
	    on_progress, &progress, &result);
	if (progress.bar_shown)
		fputc('\n', stderr);
	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(result);
	else
		ctl_put_line("%lld workers replaced",
		    (long long)ctl_int(result, "recycled"));
	json_decref(result);
	return code;
}

/* Asks, and prints one member of the result. */
static int
show_member(struct ctl *ctl, json_t *request, const char *member)
{
	json_t *result;
	int code = ctl_ask(ctl, request, NULL, NULL, &result);

	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(result);
	else
		ctl_put_line("%s", ctl_text(result, member));
	json_decref(result);
	return code;
}

int
cmd_stop(struct ctl *ctl)
{
	return show_member(ctl,
	    json_pack("{s:s, s:b}", "command", "stop", "now",
		(ctl->options.given & CTL_OPT_NOW) != 0),
	    "state");
}

int
cmd_log_level(struct ctl *ctl)
{
	json_t *request = json_pack("{s:s}", "command", "log-level");

	if (ctl->arg_count > 0)
		json_object_set_new(request, "level",
		    json_string(ctl->args[0]));
	return show_member(ctl, request, "level");
}

int
cmd_version(struct ctl *ctl)
{
	json_t *result;
	int code;

	if (!ctl->options.json) {
		puts("holdfastctl " HOLDFAST_VERSION);
		fflush(stdout);
	}
	code = ctl_ask(ctl, json_pack("{s:s}", "command", "version"), NULL,
	    NULL, &result);
	if (code != CTL_DONE)
		return code;
	if (ctl->options.json) {
		json_object_set_new(result, "ctl",
		    json_string(HOLDFAST_VERSION));
		ctl_put_json(result);
	} else {
		ctl_put_line(
		    "holdfastd %s, compiler %s, protocol %lld, layout %lld",
		    ctl_text(result, "version"), ctl_text(result, "build"),
		    (long long)ctl_int(result, "protocol"),
		    (long long)ctl_int(result, "layout"));
	}
	json_decref(result);
	return code;
}
