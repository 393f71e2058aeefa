/* SPDX-License-Identifier: ISC */
/*
 * One log event as one line of text, in logfmt or JSON. Pure: lib/log.c calls
 * it and writes the line. A line has at most LOG_LINE_SIZE bytes, its '\n'
 * included, so that one write(2) to a pipe is atomic; what does not fit is cut
 * and the line says truncated=true. Values are escaped, keys are trusted.
 */
#ifndef HOLDFAST_LIB_LOG_LINE_H
#define HOLDFAST_LIB_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_SIZE 4096
/* A longer text value is cut and ends in "...". */
#define LOG_VALUE_MAX 1024

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
};

enum log_format {
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON,
};

enum log_type {
	LOG_TYPE_END,
	LOG_TYPE_TEXT,
	LOG_TYPE_INT,
	LOG_TYPE_UINT,
	LOG_TYPE_DOUBLE,
	LOG_TYPE_BOOL,
	LOG_TYPE_ERRNO,
};

/* One key and its value; made by the log_<type>() functions of log.h. */
struct log_field {
	const char *key; /* borrowed, trusted */
	enum log_type type;
	size_t len;
	union {
		const char *text; /* borrowed, untrusted */
		int64_t i;
		uint64_t u;
		double d;
	} value;
};

/* Who speaks, and when. */
struct log_origin {
	const char *label; /* "g0", "relay", "supervisor"; "" = none */
	int64_t pid;
	uint64_t real_ms;
	bool with_priority; /* "<6>" first, sd-daemon(3) */
	bool with_time;	    /* false where the receiver stamps it */
};

struct log_event {
	enum log_level level;
	const char *kind;		/* a stable snake_case word */
	const char *msg;		/* a sentence for people, or NULL */
	uint64_t suppressed;		/* left out of this kind before */
	const struct log_field *fields; /* up to LOG_TYPE_END; or NULL */
};

const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *out);
const char *log_format_name(enum log_format format);
int log_format_parse(const char *name, enum log_format *out);

/* syslog(3) severity, as used in the "<6>" prefix. */
int log_level_priority(enum log_level level);

/* Fills out_line, which ends in '\n' and has no NUL; returns its length. */
size_t log_line_format(enum log_format format, const struct log_origin *origin,
    const struct log_event *event, char out_line[LOG_LINE_SIZE]);

#endif
