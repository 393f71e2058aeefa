/* SPDX-License-Identifier: ISC */
/*
 * Formats log lines (see log_line.h). Each field is written whole or, when it
 * does not fit, taken back whole; room for the mark of a cut line and its end
 * is kept free from the start, so a line is well-formed whatever is in it.
 */
#include "lib/log_line.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/escape.h"
#include "lib/parse.h"

static const char json_cut[] = ",\"truncated\":true";
static const char logfmt_cut[] = " truncated=true";
/* The longer mark, "}" and "\n". */
#define TAIL_SIZE (sizeof(json_cut) - 1 + 2)

struct line {
	enum log_format format;
	char *buf;
	size_t len;
	size_t cap;
	bool full;  /* something did not fit */
	bool empty; /* no field yet */
};

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_NOTICE] = { "notice", 5 },
	[LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_ERROR] = { "error", 3 },
};

static const char *const formats[] = {
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
};

const char *
log_level_name(enum log_level level)
{
	return (unsigned)level <= LOG_LEVEL_ERROR ? levels[level].name : "?";
}

int
log_level_priority(enum log_level level)
{
	return (unsigned)level <= LOG_LEVEL_ERROR ? levels[level].priority : 3;
}

int
log_level_parse(const char *name, enum log_level *out)
{
	int i;

	for (i = 0; i <= LOG_LEVEL_ERROR; i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *
log_format_name(enum log_format format)
{
	return (unsigned)format <= LOG_FORMAT_JSON ? formats[format] : "?";
}

int
log_format_parse(const char *name, enum log_format *out)
{
	int i;

	for (i = 0; i <= LOG_FORMAT_JSON; i++) {
		if (strcmp(formats[i], name) == 0) {
			*out = (enum log_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void
put(struct line *line, const char *bytes, size_t len)
{
	if (line->full || len > line->cap - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->buf + line->len, bytes, len);
	line->len += len;
}

static void
put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void
put_key(struct line *line, const char *key)
{
	if (line->format == LOG_FORMAT_JSON) {
		put_text(line, line->empty ? "\"" : ",\"");
		put_text(line, key);
		put_text(line, "\":");
	} else {
		if (!line->empty)
			put_text(line, " ");
		put_text(line, key);
		put_text(line, "=");
	}
	line->empty = false;
}

/* Whether a logfmt value can stand without quotes. */
static bool
is_bare(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return len > 0;
}

static void
put_escaped(struct line *line, const char *text, size_t len)
{
	char buf[LOG_VALUE_MAX];
	size_t used, n;

	if (line->format == LOG_FORMAT_LOGFMT && len <= LOG_VALUE_MAX &&
	    is_bare(text, len)) {
		put(line, text, len);
		return;
	}
	n = escape_text(line->format == LOG_FORMAT_JSON ? ESCAPE_JSON :
							  ESCAPE_QUOTED,
	    text, len, buf, sizeof(buf), &used);
	put_text(line, "\"");
	put(line, buf, n);
	put_text(line, used < len ? "...\"" : "\"");
}

static void
put_double(struct line *line, double value)
{
	char text[FORMAT_SCALAR_SIZE];

	if (!isfinite(value)) {
		/* JSON has no number for it. */
		put_text(line,
		    line->format == LOG_FORMAT_JSON ? "null" : "nan");
		return;
	}
	if (format_double(value, text, sizeof(text)) == 0)
		snprintf(text, sizeof(text), "%.9e", value);
	put_text(line, text);
}

static void
put_value(struct line *line, const struct log_field *field)
{
	char text[FORMAT_SCALAR_SIZE];
	const char *name;

	switch (field->type) {
	case LOG_TYPE_TEXT:
		put_escaped(line, field->value.text, field->len);
		break;
	case LOG_TYPE_INT:
		snprintf(text, sizeof(text), "%" PRId64, field->value.i);
		put_text(line, text);
		break;
	case LOG_TYPE_UINT:
		snprintf(text, sizeof(text), "%" PRIu64, field->value.u);
		put_text(line, text);
		break;
	case LOG_TYPE_DOUBLE:
		put_double(line, field->value.d);
		break;
	case LOG_TYPE_BOOL:
		put_text(line, field->value.i != 0 ? "true" : "false");
		break;
	case LOG_TYPE_ERRNO:
		name = strerrordesc_np((int)field->value.i);
		if (name == NULL)
			name = "unknown error";
		put_escaped(line, name, strlen(name));
		break;
	case LOG_TYPE_END:
		break;
	}
}

static void
put_field(struct line *line, const struct log_field *field)
{
	size_t start = line->len;

	if (line->full)
		return;
	put_key(line, field->key);
	put_value(line, field);
	if (line->full)
		line->len = start;
}

static void
put_named(struct line *line, const char *key, const char *text)
{
	struct log_field field = { key, LOG_TYPE_TEXT, strlen(text),
		{ .text = text } };

	put_field(line, &field);
}

/* Time, level and who speaks. */
static void
put_prefix(struct line *line, const struct log_origin *origin,
    enum log_level level)
{
	struct log_field pid = { "pid", LOG_TYPE_INT, 0, { 0 } };
	char time[CLOCK_RFC3339_SIZE];

	if (origin->with_time &&
	    clock_rfc3339_format(origin->real_ms, time, sizeof(time)) > 0)
		put_named(line, "ts", time);
	put_named(line, "level", log_level_name(level));
	if (origin->label[0] != '\0')
		put_named(line, "proc", origin->label);
	pid.value.i = origin->pid;
	put_field(line, &pid);
}

size_t
log_line_format(enum log_format format, const struct log_origin *origin,
    const struct log_event *event, char out_line[LOG_LINE_SIZE])
{
	struct line line = { format, out_line, 0, LOG_LINE_SIZE - TAIL_SIZE,
		false, true };
	const struct log_field *field;
	char priority[8];

	if (origin->with_priority) {
		snprintf(priority, sizeof(priority), "<%d>",
		    log_level_priority(event->level));
		put_text(&line, priority);
	}
	if (format == LOG_FORMAT_JSON)
		put_text(&line, "{");
	put_prefix(&line, origin, event->level);
	put_named(&line, "event", event->kind);
	if (event->msg != NULL)
		put_named(&line, "msg", event->msg);
	if (event->suppressed > 0) {
		struct log_field count = { "suppressed", LOG_TYPE_UINT, 0,
			{ .u = event->suppressed } };

		put_field(&line, &count);
	}
	for (field = event->fields;
	     field != NULL && field->type != LOG_TYPE_END; field++)
		put_field(&line, field);
	line.cap = LOG_LINE_SIZE;
	if (line.full) {
		line.full = false;
		put_text(&line,
		    format == LOG_FORMAT_JSON ? json_cut : logfmt_cut);
	}
	put_text(&line, format == LOG_FORMAT_JSON ? "}\n" : "\n");
	return line.len;
}
