/* SPDX-License-Identifier: ISC */
/*
 * top: status and workers again and again, on a screen of its own when there
 * is a terminal, else as plain text (once, unless --count asks for more).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "supervisor/ctl/ctl_command.h"
#include "supervisor/ctl/ctl_screen.h"
#include "supervisor/ctl/ctl_view.h"

#define VIEW_MAX (1024u * 1024)

struct look {
	json_t *status;	 /* owned */
	json_t *workers; /* owned */
};

static int
ask_one(struct ctl *ctl, const char *command, json_t **out)
{
	json_t *request = json_pack("{s:s}", "command", command);
	json_t *answer = NULL;
	int rc = ctl_ask_quietly(ctl, request, NULL, NULL, &answer);

	json_decref(request);
	if (rc != 0)
		return rc;
	*out = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return *out == NULL ? -EPROTO : 0;
}

static void
look_clear(struct look *look)
{
	json_decref(look->status);
	json_decref(look->workers);
	memset(look, 0, sizeof(*look));
}

/* On a connection that is opened anew when the last one has broken. */
static int
look_take(struct ctl *ctl, struct look *out)
{
	int rc = 0;

	if (ctl->link.fd == -1)
		rc = ctl_link_open(&ctl->link, ctl->socket);
	if (rc == 0)
		rc = ask_one(ctl, "status", &out->status);
	if (rc == 0)
		rc = ask_one(ctl, "workers", &out->workers);
	if (rc != 0) {
		ctl_link_close(&ctl->link);
		look_clear(out);
	}
	return rc;
}

static void
draw(const struct ctl *ctl, const struct look *look, int failure,
    struct textbuf *out)
{
	char now[CLOCK_RFC3339_SIZE] = "";

	clock_rfc3339_format(clock_real_ms(), now, sizeof(now));
	textbuf_printf(out, "holdfast top, %s, q leaves\n\n", now);
	if (failure != 0) {
		textbuf_printf(out, "%s: %s\n", ctl->socket,
		    failure == -ENOENT || failure == -ECONNREFUSED ?
			"holdfastd is not running there" :
			strerror(-failure));
		return;
	}
	if (ctl_view_status(look->status, out) != 0)
		return;
	textbuf_putc(out, '\n');
	if (ctl_view_workers(look->workers, out) != 0)
		return;
}

static int
run_screen(struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	uint64_t next = clock_mono_ms();
	uint32_t shown = 0;
	bool on = true;

	while (on) {
		struct look look = { 0 };
		struct textbuf out;
		int rc = look_take(ctl, &look);

		textbuf_init(&out, VIEW_MAX);
		draw(ctl, &look, rc, &out);
		ctl_screen_draw(textbuf_text(&out));
		textbuf_clear(&out);
		look_clear(&look);
		if ((options->given & CTL_OPT_COUNT) &&
		    ++shown >= options->count)
			break;
		next += options->interval_ms;
		if (next < clock_mono_ms())
			next = clock_mono_ms() + options->interval_ms;
		on = ctl_screen_wait(next);
	}
	ctl_screen_close();
	return CTL_DONE;
}

static int
print_look(const struct ctl *ctl, const struct look *look)
{
	struct textbuf out;
	json_t *object;
	int rc;

	if (ctl->options.json) {
		object = json_pack("{s:O, s:O}", "status", look->status,
		    "workers", json_object_get(look->workers, "workers"));
		ctl_put_json(object);
		json_decref(object);
		return CTL_DONE;
	}
	textbuf_init(&out, VIEW_MAX);
	rc = ctl_view_status(look->status, &out);
	textbuf_putc(&out, '\n');
	if (rc == 0)
		rc = ctl_view_workers(look->workers, &out);
	fputs(textbuf_text(&out), stdout);
	textbuf_clear(&out);
	return rc == 0 ? CTL_DONE : CTL_REFUSED;
}

static int
run_plain(struct ctl *ctl)
{
	const struct ctl_options *options = &ctl->options;
	uint32_t left = options->given & CTL_OPT_COUNT ? options->count : 1;
	struct timespec pause = {
		.tv_sec = (time_t)(options->interval_ms / 1000),
		.tv_nsec = (long)(options->interval_ms % 1000 * 1000000),
	};
	int code = CTL_DONE;

	while (code == CTL_DONE) {
		struct look look = { 0 };
		int rc = look_take(ctl, &look);

		if (rc == -ETIMEDOUT)
			return ctl_fail(ctl, CTL_DEADLINE, "deadline",
			    "holdfastd did not answer in time");
		if (rc != 0)
			return ctl_fail(ctl, CTL_REFUSED, "closed", "%s",
			    strerror(-rc));
		code = print_look(ctl, &look);
		look_clear(&look);
		if (--left == 0)
			break;
		if (!options->json)
			putchar('\n');
		fflush(stdout);
		(void)nanosleep(&pause, NULL);
	}
	return code;
}

int
cmd_top(struct ctl *ctl)
{
	/* The first failure is told as by every other command. */
	int code = ctl_connect(ctl);

	if (code != CTL_DONE)
		return code;
	if (!ctl->options.json && ctl_screen_open() == 0)
		return run_screen(ctl);
	return run_plain(ctl);
}
