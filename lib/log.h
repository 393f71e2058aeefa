/* SPDX-License-Identifier: ISC */
/*
 * The log, the one global of every program. An event is a kind (a stable
 * snake_case word that scripts may search for, shown as event=KIND), an
 * optional sentence for people and typed fields:
 *
 *	log_info("tenant_started", "slot is serving",
 *	    log_int("slot", slot), log_int("tenant_pid", pid));
 *	log_warn("listen_failed", "address is skipped until the next reload",
 *	    log_text("address", text), log_errno(rc));
 *	log_debug("idle", NULL);
 *
 * Programs and not lib or pure modules call it (STYLE.md). It never blocks on a
 * stuck reader, never fails and never ends the process: what cannot be written
 * is dropped and counted. Not for signal handlers; one thread.
 */
#ifndef HOLDFAST_LIB_LOG_H
#define HOLDFAST_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/log_field.h"
#include "lib/log_line.h"

enum log_target {
	LOG_TARGET_STDERR,
	LOG_TARGET_SYSLOG,
	LOG_TARGET_FILE,
};

struct log_options {
	enum log_level level;
	enum log_target target;
	enum log_format format;
	const char *path;    /* for LOG_TARGET_FILE; copied */
	const char *label;   /* this process: "g0", "relay"; copied */
	uint32_t per_kind;   /* lines per second of one kind; 0 = any */
	bool force_priority; /* "<6>" even without $JOURNAL_STREAM */
};

/* Level info, stderr, logfmt, no label, 20 lines per second and kind. */
struct log_options log_options_default(void);

/*
 * Opens the target. Before this, and after a failure (-errno), events go to
 * stderr. May be called again (reload, a forked child with its own label); the
 * old target is closed. Ignores SIGPIPE and SIGXFSZ if they would kill.
 */
int log_open(const struct log_options *options);

/*
 * Opens the file anew under its name, after logrotate has moved it away. The
 * fd keeps its number, since keeper and tenant share one fd table. -errno: the
 * old file stays in use.
 */
int log_reopen(void);

void log_close(void);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* The fd of the target (-1 = none): adoption must not close it. */
int log_fd(void);

/* Lines lost since the start because the target did not take them. */
uint64_t log_dropped(void);

/*
 * Tells, with kind log_suppressed, what the rate limit has left out and no
 * later event has told yet. Call it every few seconds.
 */
void log_flush_suppressed(void);

/* fields end in log_end(). Use the macros below. */
void log_write(enum log_level level, const char *kind, const char *msg,
    const struct log_field *fields);

#define LOG_AT(level, kind, msg, ...)                                          \
	do {                                                                   \
		if ((level) >= log_get_level())                                \
			log_write(level, kind, msg,                            \
			    (const struct log_field[]){ __VA_ARGS__ });        \
	} while (0)

/* log_<level>(kind, msg or NULL, fields...) */
#define log_debug(...)	LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__, log_end())
#define log_info(...)	LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__, log_end())
#define log_notice(...) LOG_AT(LOG_LEVEL_NOTICE, __VA_ARGS__, log_end())
#define log_warn(...)	LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__, log_end())
#define log_error(...)	LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__, log_end())

/*
 * Logs at error and exits with 1: before ready, or for a broken invariant.
 * Takes what log_error() takes.
 */
#define fatal(...) LOG_FATAL(__VA_ARGS__, log_end())
#define LOG_FATAL(kind, msg, ...)                                              \
	log_fatal(kind, msg, (const struct log_field[]){ __VA_ARGS__ })
_Noreturn void log_fatal(const char *kind, const char *msg,
    const struct log_field *fields);

#endif
