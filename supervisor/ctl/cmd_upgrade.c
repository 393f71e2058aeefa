/* SPDX-License-Identifier: ISC */
/*
 * upgrade: starts a live upgrade; with --wait it shows each phase and slot, and
 * at the end what it cost.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_text.h"

static void
put_slot(const json_t *step)
{
	char label[16], pause[CTL_NUMBER_SIZE];

	ctl_text_us((uint64_t)ctl_int(step, "pause_us"), pause);
	ctl_put_line("%s moved%s, %lld of %lld: %lld connections, silent for "
		     "%s",
	    ctl_slot_label(step, label),
	    json_is_true(json_object_get(step, "back")) ? " back" : "",
	    (long long)ctl_int(step, "done"), (long long)ctl_int(step, "total"),
	    (long long)ctl_int(step, "connections"), pause);
}

static void
on_line(const json_t *line, void *arg)
{
	const struct ctl *ctl = arg;
	const json_t *step = json_object_get(line, "progress");

	if (ctl->options.json)
		ctl_put_json(line);
	else if (json_object_get(step, "slot") != NULL)
		put_slot(step);
	else
		ctl_put_line("%s", ctl_text(step, "phase"));
	fflush(stdout);
}

static void
put_result(const json_t *result)
{
	char p50[CTL_NUMBER_SIZE], p99[CTL_NUMBER_SIZE], max[CTL_NUMBER_SIZE];
	char took[CTL_NUMBER_SIZE];

	if (strcmp(ctl_text(result, "state"), "done") != 0) {
		ctl_put_line("%s, new holdfastd is process %lld",
		    ctl_text(result, "state"),
		    (long long)ctl_int(result, "pid"));
		return;
	}
	ctl_text_us((uint64_t)ctl_int(result, "pause_p50_us"), p50);
	ctl_text_us((uint64_t)ctl_int(result, "pause_p99_us"), p99);
	ctl_text_us((uint64_t)ctl_int(result, "pause_max_us"), max);
	ctl_text_duration((uint64_t)ctl_int(result, "ms"), took);
	ctl_put_line("done in %s: %lld moved, %lld drained, %lld severed", took,
	    (long long)ctl_int(result, "moved"),
	    (long long)ctl_int(result, "drained"),
	    (long long)ctl_int(result, "severed"));
	ctl_put_line("pause per connection: p50 %s, p99 %s, max %s", p50, p99,
	    max);
}

int
cmd_upgrade(struct ctl *ctl)
{
	json_t *request, *result;
	char path[PATH_MAX];
	int code;

	request = json_pack("{s:s, s:b, s:b}", "command", "upgrade", "wait",
	    (ctl->options.given & CTL_OPT_WAIT) != 0, "force",
	    (ctl->options.given & CTL_OPT_FORCE) != 0);
	if (ctl->options.given & CTL_OPT_BINARY) {
		/* holdfastd runs elsewhere.  What is not there it refuses, so
		 * that the refusal is on record. */
		const char *binary = ctl->options.binary;

		if (realpath(binary, path) != NULL)
			binary = path;
		if (json_object_set_new(request, "binary",
			json_string(binary)) != 0) {
			json_decref(request);
			return ctl_fail(ctl, CTL_REFUSED, "bad_path",
			    "the binary's path must be UTF-8");
		}
	}
	code = ctl_ask(ctl, request, on_line, ctl, &result);
	if (code != CTL_DONE)
		return code;
	if (ctl->options.json)
		ctl_put_json(result);
	else
		put_result(result);
	json_decref(result);
	return code;
}
