/* SPDX-License-Identifier: ISC */
/*
 * events: what has happened on the node, and with --follow what happens.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_text.h"

/* What the number of an event is; of others, what its text says. */
static const struct number {
	const char *kind, *before, *after;
	enum { COUNT, MS, US } unit;
} numbers[] = {
	{ "claim_refused", "process ", "", COUNT },
	{ "drain_deadline", "", " connections cut off", COUNT },
	{ "drain_forced", "", " connections", COUNT },
	{ "drain_paused", "", " connections", COUNT },
	{ "drain_resumed", "", " connections", COUNT },
	{ "drain_unleased", "", " connections", COUNT },
	{ "drained", "", " connections cut off", COUNT },
	{ "keeper_lost", "of tenant ", "", COUNT },
	{ "partition_verdict", "", " other nodes asked", COUNT },
	{ "readopted", "", " slots", COUNT },
	{ "redis_deaf", "for ", "", MS },
	{ "redis_heard", "after ", "", MS },
	{ "redis_up", "after ", "", MS },
	{ "routes_purged", "", " routes", COUNT },
	{ "slot_added", "", " connections", COUNT },
	{ "slot_evacuating", "", " crashes", COUNT },
	{ "slot_leaving", "", " connections", COUNT },
	{ "slot_lost", "after ", "", MS },
	{ "slot_moved", "silent for ", "", US },
	{ "slot_removed", "", " connections", COUNT },
	{ "slot_serving", "", " connections adopted", COUNT },
	{ "slot_stays", "", " connections", COUNT },
	{ "storm", "at most ", " handshakes/s", COUNT },
	{ "tenant_stalled", "for ", "", MS },
	{ "upgrade_denied", "others that upgrade: ", "", COUNT },
	{ "upgraded", "", " connections moved", COUNT },
};

static const struct number *
find_number(const char *kind)
{
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].kind, kind) == 0)
			return &numbers[i];
	}
	return NULL;
}

/* Behind the text, if there is one; "" for 0. */
static void
put_number(const char *kind, json_int_t value, bool has_text, char out[96])
{
	const struct number *number = find_number(kind);
	char digits[CTL_NUMBER_SIZE];

	out[0] = '\0';
	if (value <= 0)
		return;
	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	if (number != NULL && number->unit == MS)
		ctl_text_duration((uint64_t)value, digits);
	else if (number != NULL && number->unit == US)
		ctl_text_us((uint64_t)value, digits);
	snprintf(out, 96, "%s %s%s%s", has_text && number != NULL ? "," : "",
	    number == NULL ? "" : number->before, digits,
	    number == NULL ? "" : number->after);
}

static void
on_event(const json_t *line, void *arg)
{
	const struct ctl *ctl = arg;
	const json_t *event = json_object_get(line, "event");
	const char *client = ctl_text(event, "client");
	const char *text = ctl_text(event, "text");
	const char *kind = ctl_text(event, "kind");
	char label[16], number[96];

	if (event == NULL)
		return;
	if (ctl->options.json) {
		ctl_put_json(event);
	} else {
		put_number(kind, ctl_int(event, "value"), text[0] != '\0',
		    number);
		ctl_put_line("%s %-2s %s%s%s%s%s%s", ctl_text(event, "time"),
		    ctl_slot_label(event, label), kind,
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
