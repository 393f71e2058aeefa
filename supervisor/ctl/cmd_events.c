/* SPDX-License-Identifier: ISC */
/*
 * events: what has happened on the node, and with --follow what happens.
 */
#include <signal.h>
#include <stdio.h>

#include "supervisor/ctl/ctl_command.h"

static void
on_event(const json_t *line, void *arg)
{
	const struct ctl *ctl = arg;
	const json_t *event = json_object_get(line, "event");
	const char *client = ctl_text(event, "client");
	const char *text = ctl_text(event, "text");
	long long value = (long long)ctl_int(event, "value");
	char label[16], number[32] = "";

	if (event == NULL)
		return;
	if (ctl->options.json) {
		ctl_put_json(event);
	} else {
		if (value != 0)
			snprintf(number, sizeof(number), " %lld", value);
		ctl_put_line("%s %-2s %s%s%s%s%s%s", ctl_text(event, "time"),
		    ctl_slot_label(event, label), ctl_text(event, "kind"),
		    client[0] == '\0' ? "" : " client ", client,
		    text[0] == '\0' ? "" : " ", text, number);
	}
	/* A reader behind a pipe waits for each one. */
	fflush(stdout);
}

int
cmd_events(struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	json_t *request, *again = NULL;

	request = json_pack("{s:s}", "command", "events");
	if (options->given & CTL_OPT_FOLLOW) {
		/* For ever: who stops reading ends it. */
		signal(SIGPIPE, SIG_DFL);
		json_object_set_new(request, "follow", json_true());
		/* A successor knows of nothing that was told before it. */
		again = json_copy(request);
	}
	if (options->given & CTL_OPT_SINCE)
		json_object_set_new(request, "since_ms",
		    json_integer((json_int_t)options->since_ms));
	return ctl_ask_again(ctl, request, again, on_event, ctl, NULL);
}
