/* SPDX-License-Identifier: ISC */
/*
 * drain and undrain: what a drain would do, how far it is, how it ended.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/node_drain.h"
#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_text.h"

struct drain_view {
	bool json;
	bool is_terminal;
	bool bar_shown;
	long long permille_told; /* plain text: a line for each step */
	char lease_told[96];
};

/* "" while the fleet is not in the way. */
static void
lease_text(const json_t *step, char out[96])
{
	enum drain_lease lease = drain_lease_parse(ctl_text(step, "lease"));
	bool is_waiting = lease == DRAIN_LEASE_WAITING;

	out[0] = '\0';
	if (is_waiting || lease == DRAIN_LEASE_PAUSED)
		snprintf(out, 96,
		    ", %s for the fleet, where %lld others drain %lld",
		    is_waiting ? "waits" : "pauses",
		    (long long)ctl_int(step, "lease_others"),
		    (long long)ctl_int(step, "lease_reserved"));
}

static void
duration(const json_t *object, const char *key, char out[CTL_NUMBER_SIZE])
{
	ctl_text_duration((uint64_t)ctl_int(object, key), out);
}

static void
show_progress(struct drain_view *view, const json_t *step)
{
	long long done = (long long)ctl_int(step, "done");
	long long total = (long long)ctl_int(step, "total");
	long long permille = total > 0 ? done * 1000 / total : 1000;
	char eta[CTL_NUMBER_SIZE], rate[CTL_NUMBER_SIZE], more[192], lease[96];

	duration(step, "eta_ms", eta);
	ctl_text_rate(ctl_real(step, "rate_per_second"), rate);
	lease_text(step, lease);
	snprintf(more, sizeof(more), ", %s, %s/s, %s left%s",
	    ctl_text(step, "state"), rate, eta, lease);
	if (view->is_terminal) {
		ctl_put_bar(done, total, more);
		view->bar_shown = true;
	} else if (permille >= view->permille_told + 10 ||
	    strcmp(lease, view->lease_told) != 0) {
		ctl_put_line("%lld of %lld%s", done, total, more);
		fflush(stdout);
		view->permille_told = permille;
		snprintf(view->lease_told, sizeof(view->lease_told), "%s",
		    lease);
	}
}

static void
on_progress(const json_t *line, void *arg)
{
	struct drain_view *view = arg;

	if (view->json) {
		ctl_put_json(line);
		fflush(stdout);
	} else {
		show_progress(view, json_object_get(line, "progress"));
	}
}

static void
show_peers(const json_t *peers)
{
	const char *absorb = ctl_text(peers, "absorb");
	char rate[CTL_NUMBER_SIZE], back[CTL_NUMBER_SIZE] = "never";

	if (peers == NULL) {
		ctl_put_line("peers         none: this node is in no fleet");
		return;
	}
	if (ctl_int(peers, "redis_silent_ms") > 0) {
		duration(peers, "redis_silent_ms", back);
		ctl_put_line("peers         not known, Redis has not answered "
			     "for %s",
		    back);
		ctl_put_line("the drain would wait for it, unless --force");
		return;
	}
	if (strcmp(absorb, "alone") == 0) {
		ctl_put_line("peers         none is healthy: clients have "
			     "nowhere to go");
		return;
	}
	if (json_is_integer(json_object_get(peers, "back_ms")))
		duration(peers, "back_ms", back);
	ctl_text_rate(ctl_real(peers, "handshakes_per_second"), rate);
	ctl_put_line("peers         %lld, with room for %lld connections",
	    (long long)ctl_int(peers, "healthy"),
	    (long long)ctl_int(peers, "free"));
	ctl_put_line("handshakes    %s/s to spare: all back in %s", rate, back);
	if (strcmp(absorb, "no") == 0)
		ctl_put_line("the peers cannot take all of them");
	else if (strcmp(absorb, "slowly") == 0)
		ctl_put_line("the peers take longer than that: give it a "
			     "longer --within");
	else
		ctl_put_line("the peers can take them");
}

static void
show_plan(const json_t *plan)
{
	char wait[CTL_NUMBER_SIZE], window[CTL_NUMBER_SIZE];
	char rate[CTL_NUMBER_SIZE], within[CTL_NUMBER_SIZE];

	duration(plan, "lb_wait_ms", wait);
	duration(plan, "window_ms", window);
	duration(plan, "within_ms", within);
	ctl_text_rate(ctl_real(plan, "rate_per_second"), rate);
	ctl_put_line("state         %s", ctl_text(plan, "state"));
	ctl_put_line("profile       %s", ctl_text(plan, "profile"));
	ctl_put_line("connections   %lld", (long long)ctl_int(plan, "left"));
	ctl_put_line("not ready     now, accepting for another %s", wait);
	ctl_put_line("closes begin  %s, %s/s over %s", ctl_text(plan, "begin"),
	    rate, window);
	ctl_put_line("ends by       %s, within %s", ctl_text(plan, "end"),
	    within);
	show_peers(json_object_get(plan, "peers"));
	ctl_put_line("nothing has been done");
}

static void
show_state(const json_t *result, bool has_waited)
{
	char lease[96];

	lease_text(result, lease);
	if (has_waited)
		ctl_put_line("empty, %lld connections moved away",
		    (long long)ctl_int(result, "total"));
	else
		ctl_put_line("%s, %lld connections, ends by %s%s",
		    ctl_text(result, "state"),
		    (long long)ctl_int(result, "left"), ctl_text(result, "end"),
		    lease);
}

static json_t *
make_request(const struct ctl_options *options)
{
	json_t *request = json_pack("{s:s, s:b, s:b, s:b}", "command", "drain",
	    "plan", (options->given & CTL_OPT_PLAN) != 0, "wait",
	    (options->given & CTL_OPT_WAIT) != 0, "force",
	    (options->given & CTL_OPT_FORCE) != 0);

	if (options->given & CTL_OPT_WITHIN)
		json_object_set_new(request, "within_ms",
		    json_integer((json_int_t)options->within_ms));
	if (options->given & CTL_OPT_PROFILE)
		json_object_set_new(request, "profile",
		    json_string(options->profile));
	return request;
}

int
cmd_drain(struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	struct drain_view view = { .json = options->json,
		.is_terminal = isatty(STDERR_FILENO),
		.permille_told = -10 };
	json_t *result, *again = NULL;
	int code;

	if (options->given & CTL_OPT_WAIT)
		again = json_pack("{s:s, s:b, s:b}", "command", "drain", "wait",
		    1, "again", 1);
	code = ctl_ask_again(ctl, make_request(options), again, on_progress,
	    &view, &result);
	if (view.bar_shown)
		fputc('\n', stderr);
	if (code != CTL_DONE)
		return code;
	if (options->json)
		ctl_put_json(result);
	else if (options->given & CTL_OPT_PLAN)
		show_plan(result);
	else
		show_state(result, (options->given & CTL_OPT_WAIT) != 0);
	json_decref(result);
	return code;
}

int
cmd_undrain(struct ctl *ctl)
{
	json_t *result;
	int code = ctl_ask_simply(ctl, "undrain", &result);

	if (code != CTL_DONE || result == NULL)
		return code;
	ctl_put_line("%s", ctl_text(result, "state"));
	json_decref(result);
	return code;
}
