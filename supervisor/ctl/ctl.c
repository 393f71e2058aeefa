/* SPDX-License-Identifier: ISC */
/*
 * Asking holdfastd, and printing (see ctl.h).
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "proto/slot.h"
#include "supervisor/ctl/ctl_text.h"

#define RETRY_NS   (100 * 1000 * 1000)
#define OUTPUT_MAX (256u * 1024 * 1024)
/* The relay's slot number, behind those of the gateways. */
#define RELAY_SLOT ((json_int_t)SLOT_MAX_WORKERS)

static uint64_t
deadline(const struct ctl *ctl)
{
	return clock_mono_ms() + ctl->options.timeout_ms;
}

int
ctl_connect(struct ctl *ctl)
{
	int rc = ctl->link.fd == -1 ? ctl_link_open(&ctl->link, ctl->socket) :
				      0;

	switch (rc) {
	case 0:
		return CTL_DONE;
	case -ENOENT:
	case -ECONNREFUSED:
		return ctl_fail(ctl, CTL_NOT_RUNNING, "not_running",
		    "%s: holdfastd is not running there", ctl->socket);
	case -EACCES:
	case -EPERM:
		return ctl_fail(ctl, CTL_REFUSED, "forbidden",
		    "%s: only root and the user of holdfastd may do that",
		    ctl->socket);
	default:
		return ctl_fail(ctl, CTL_REFUSED, "no_connection", "%s: %s",
		    ctl->socket, strerror(-rc));
	}
}

int
ctl_ask_quietly(struct ctl *ctl, const json_t *request, ctl_line_cb *on_line,
    void *arg, json_t **out)
{
	bool follows = json_is_true(json_object_get(request, "follow"));
	json_t *line;
	int rc;

	rc = ctl_link_send(&ctl->link, request, deadline(ctl));
	while (rc == 0) {
		rc = ctl_link_read(&ctl->link,
		    follows ? CTL_LINK_FOREVER : deadline(ctl), &line);
		if (rc == -EINTR) {
			rc = 0;
			continue;
		}
		if (rc != 0)
			return rc;
		ctl->is_served = true;
		if (json_object_get(line, "ok") != NULL) {
			*out = line;
			return 0;
		}
		if (on_line != NULL)
			on_line(line, arg);
		json_decref(line);
	}
	return rc;
}

static int
tell_broken(const struct ctl *ctl, int rc)
{
	char time[CTL_NUMBER_SIZE];

	ctl_text_duration(ctl->options.timeout_ms, time);
	switch (rc) {
	case -ETIMEDOUT:
		return ctl_fail(ctl, CTL_DEADLINE, "deadline",
		    "holdfastd did not answer within %s", time);
	case -EPIPE:
		return ctl_fail(ctl, CTL_REFUSED, "closed", "%s",
		    ctl->is_served ?
			"holdfastd closed the connection" :
			"holdfastd closed the connection; it serves only root "
			"and its own user");
	default:
		return ctl_fail(ctl, CTL_REFUSED, "broken",
		    "holdfastd's answer is not understood: %s", strerror(-rc));
	}
}

static int
tell_refused(const struct ctl *ctl, const json_t *answer)
{
	json_int_t code = ctl_int(answer, "exit");
	const char *text = ctl_text(answer, "message");
	size_t len = strlen(text);

	/* Messages of many lines end in a newline of their own. */
	while (len > 0 && text[len - 1] == '\n')
		len--;
	return ctl_fail(ctl,
	    code >= CTL_REFUSED && code <= CTL_DEADLINE ? (int)code :
							  CTL_REFUSED,
	    ctl_text(answer, "error"), "%.*s", (int)len, text);
}

/* Until one answers that was not there before, or the time is over: -EPIPE. */
static int
ask_successors(struct ctl *ctl, const json_t *again, ctl_line_cb *on_line,
    void *arg, json_t **out)
{
	const struct timespec pause = { .tv_nsec = RETRY_NS };
	uint64_t until = deadline(ctl);
	int rc = -EPIPE;

	while (rc == -EPIPE && clock_mono_ms() < until) {
		ctl_link_close(&ctl->link);
		ctl->is_served = false;
		if (ctl_link_open(&ctl->link, ctl->socket) == 0)
			rc = ctl_ask_quietly(ctl, again, on_line, arg, out);
		if (rc != -EPIPE)
			break;
		if (ctl->is_served)
			until = deadline(ctl);
		(void)nanosleep(&pause, NULL);
	}
	ctl->is_served = true;
	return rc;
}

int
ctl_ask_again(struct ctl *ctl, json_t *request, json_t *again,
    ctl_line_cb *on_line, void *arg, json_t **out)
{
	json_t *answer = NULL;
	int code = ctl_connect(ctl), rc;

	if (out != NULL)
		*out = NULL;
	if (code != CTL_DONE) {
		json_decref(request);
		json_decref(again);
		return code;
	}
	rc = ctl_ask_quietly(ctl, request, on_line, arg, &answer);
	if (rc == -EPIPE && again != NULL && ctl->is_served)
		rc = ask_successors(ctl, again, on_line, arg, &answer);
	json_decref(request);
	json_decref(again);
	if (rc != 0)
		return tell_broken(ctl, rc);
	if (!json_is_true(json_object_get(answer, "ok")))
		code = tell_refused(ctl, answer);
	else if (out != NULL)
		*out = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return code;
}

int
ctl_ask(struct ctl *ctl, json_t *request, ctl_line_cb *on_line, void *arg,
    json_t **out)
{
	return ctl_ask_again(ctl, request, NULL, on_line, arg, out);
}

int
ctl_ask_simply(struct ctl *ctl, const char *command, json_t **out)
{
	int code;

	code = ctl_ask(ctl, json_pack("{s:s}", "command", command), NULL, NULL,
	    out);
	if (code == CTL_DONE && ctl->options.json) {
		ctl_put_json(*out);
		json_decref(*out);
		*out = NULL;
	}
	return code;
}

void
ctl_put_json(const json_t *value)
{
	/* JSON leaves characters in that reorder a terminal's line. */
	size_t flags = JSON_COMPACT |
	    (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);

	if (value != NULL && json_dumpf(value, stdout, flags) == 0)
		putchar('\n');
}

int
ctl_put_table(struct ctl_table *table)
{
	struct textbuf out;
	int rc;

	textbuf_init(&out, OUTPUT_MAX);
	rc = ctl_table_render(table, &out);
	if (rc == 0)
		fputs(textbuf_text(&out), stdout);
	else
		fprintf(stderr, "holdfastctl: %s\n", strerror(-rc));
	textbuf_clear(&out);
	ctl_table_clear(table);
	return rc == 0 ? CTL_DONE : CTL_REFUSED;
}

static void __attribute__((format(printf, 3, 0)))
put_clean(FILE *file, const char *before, const char *format, va_list args)
{
	struct textbuf raw, clean;

	textbuf_init(&raw, OUTPUT_MAX);
	textbuf_init(&clean, OUTPUT_MAX);
	textbuf_vprintf(&raw, format, args);
	ctl_text_lines(&clean, textbuf_text(&raw));
	fprintf(file, "%s%s\n", before, textbuf_text(&clean));
	textbuf_clear(&raw);
	textbuf_clear(&clean);
}

void
ctl_put_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_clean(stdout, "", format, args);
	va_end(args);
}

void
ctl_put_bar(long long done, long long total, const char *more)
{
	char bar[CTL_BAR_SIZE];

	ctl_text_bar(done, total, bar);
	/* The line before may have been longer. */
	fprintf(stderr, "\r%s %lld of %lld%s\033[K", bar, done, total, more);
	fflush(stderr);
}

int
ctl_fail(const struct ctl *ctl, int code, const char *error, const char *format,
    ...)
{
	struct textbuf text;
	json_t *object;
	va_list args;

	va_start(args, format);
	if (ctl->options.json) {
		textbuf_init(&text, OUTPUT_MAX);
		textbuf_vprintf(&text, format, args);
		object = json_pack("{s:s, s:s}", "error", error, "message",
		    textbuf_text(&text));
		ctl_put_json(object);
		json_decref(object);
		textbuf_clear(&text);
	} else {
		put_clean(stderr, "holdfastctl: ", format, args);
	}
	va_end(args);
	return code;
}

const char *
ctl_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

json_int_t
ctl_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double
ctl_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

const char *
ctl_slot_label(const json_t *object, char out[16])
{
	const json_t *slot = json_object_get(object, "slot");
	json_int_t number = json_integer_value(slot);

	if (!json_is_integer(slot) || number < 0 || number > RELAY_SLOT)
		return "-";
	if (number == RELAY_SLOT)
		return "r";
	snprintf(out, 16, "g%d", (int)number);
	return out;
}
