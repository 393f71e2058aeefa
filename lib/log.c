/* SPDX-License-Identifier: ISC */
/*
 * The log (see log.h): owns the target's fd, the rate limit per kind and the
 * counters; lib/log_line.c makes the lines. The target is asked with a zero
 * poll() before each write, because making stderr non-blocking would do so to
 * everybody who shares it, and a stuck reader must not stop a tenant. Syslog is
 * spoken by hand for the same reason: syslog(3) blocks in send().
 */
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"

#define KINDS		  128 /* kinds watched for their rate; a power of two */
#define SYSLOG_PATH	  "/dev/log"
#define SYSLOG_FACILITY	  (3 << 3) /* daemon */
#define SYSLOG_HEADER_MAX 96

/* The rate of one kind, counted per second of the monotonic clock. */
struct kind_rate {
	char kind[40];
	enum log_level level;
	uint64_t second;
	uint32_t lines;
	uint64_t suppressed;
};

static struct {
	struct log_options options;
	char path[512];
	char label[32];
	int fd; /* owned unless STDERR_FILENO */
	bool is_socket;
	bool with_priority;
	uint64_t dropped;
	struct kind_rate kinds[KINDS];
} log_state = {
	.options = { .level = LOG_LEVEL_INFO, .per_kind = 20 },
	.fd = STDERR_FILENO,
};

struct log_options
log_options_default(void)
{
	return (struct log_options){ .level = LOG_LEVEL_INFO,
		.target = LOG_TARGET_STDERR,
		.format = LOG_FORMAT_LOGFMT,
		.per_kind = 20 };
}

static void
ignore_if_deadly(int signo)
{
	struct sigaction action;

	if (sigaction(signo, NULL, &action) == 0 &&
	    (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL)
		signal(signo, SIG_IGN);
}

/* Whether stderr is the stream that $JOURNAL_STREAM names (systemd.exec(5)). */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && fstat(fd, &st) == 0 &&
	    sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	    st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

static int
open_file(const char *path, int *out_fd)
{
	/* O_NONBLOCK: a FIFO without a reader must not hold up the start. */
	int fd = open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0640);

	if (fd == -1)
		return -errno;
	*out_fd = fd;
	return 0;
}

static int
open_syslog(int *out_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX,
		.sun_path = SYSLOG_PATH };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd == -1)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1) {
		rc = -errno;
		fd_close(&fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

static int
open_target(const struct log_options *options, int *out_fd)
{
	switch (options->target) {
	case LOG_TARGET_SYSLOG:
		return open_syslog(out_fd);
	case LOG_TARGET_FILE:
		return options->path == NULL ? -EINVAL :
					       open_file(options->path, out_fd);
	case LOG_TARGET_STDERR:
		break;
	}
	*out_fd = STDERR_FILENO;
	return 0;
}

static void
copy_text(char *dst, size_t cap, const char *src)
{
	snprintf(dst, cap, "%s", src == NULL ? "" : src);
}

int
log_open(const struct log_options *options)
{
	struct stat st;
	int fd = -1;
	int rc;

	ignore_if_deadly(SIGPIPE);
	ignore_if_deadly(SIGXFSZ);
	/*
	 * The first gmtime_r() reads the time zone's file.  A keeper must open
	 * no fd once its tenant runs, and it logs for the first time then: the
	 * tenant's sweep would close that fd, and libc a second time, when it
	 * is the tenant's.
	 */
	tzset();
	if (options->path != NULL &&
	    strlen(options->path) >= sizeof(log_state.path))
		return -ENAMETOOLONG;
	rc = open_target(options, &fd);
	if (rc != 0)
		return rc;
	log_close();
	log_state.options = *options;
	copy_text(log_state.path, sizeof(log_state.path), options->path);
	copy_text(log_state.label, sizeof(log_state.label), options->label);
	log_state.options.path = log_state.path;
	log_state.options.label = log_state.label;
	log_state.fd = fd;
	log_state.is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	log_state.with_priority = options->target == LOG_TARGET_STDERR &&
	    (options->force_priority || is_journal(fd));
	return 0;
}

int
log_reopen(void)
{
	int fd = -1;
	int rc;

	if (log_state.options.target != LOG_TARGET_FILE)
		return 0;
	rc = open_file(log_state.path, &fd);
	if (rc != 0)
		return rc;
	if (dup3(fd, log_state.fd, O_CLOEXEC) == -1)
		rc = -errno;
	fd_close(&fd);
	return rc;
}

void
log_close(void)
{
	if (log_state.fd != STDERR_FILENO)
		fd_close(&log_state.fd);
	log_state.fd = STDERR_FILENO;
	log_state.options.target = LOG_TARGET_STDERR;
	log_state.is_socket = false;
	log_state.with_priority = false;
}

void
log_set_level(enum log_level level)
{
	log_state.options.level = level;
}

enum log_level
log_get_level(void)
{
	return log_state.options.level;
}

int
log_fd(void)
{
	return log_state.fd == STDERR_FILENO ? -1 : log_state.fd;
}

uint64_t
log_dropped(void)
{
	return log_state.dropped;
}

/* One write or send that cannot block. Whether all of it went out. */
static bool
write_now(const char *bytes, size_t len)
{
	struct pollfd poll_fd = { .fd = log_state.fd, .events = POLLOUT };
	ssize_t n;

	if (log_state.is_socket) {
		do
			n = send(log_state.fd, bytes, len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		while (n == -1 && errno == EINTR);
		return n == (ssize_t)len;
	}
	/* POLLOUT on a pipe promises room for PIPE_BUF, a whole line. */
	if (poll(&poll_fd, 1, 0) != 1 || (poll_fd.revents & POLLOUT) == 0)
		return false;
	do
		n = write(log_state.fd, bytes, len);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)len;
}

/* A restarted syslog daemon has a new socket behind the same name. */
static bool
send_syslog(const char *bytes, size_t len)
{
	int fd = -1;

	if (write_now(bytes, len))
		return true;
	if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET &&
	    errno != EPIPE)
		return false;
	if (open_syslog(&fd) != 0)
		return false;
	if (dup3(fd, log_state.fd, O_CLOEXEC) == -1) {
		fd_close(&fd);
		return false;
	}
	fd_close(&fd);
	return write_now(bytes, len);
}

/* The header of the local syslog protocol: "<30>Jan  2 03:04:05 name[pid]: " */
static size_t
format_syslog_header(enum log_level level, uint64_t real_ms, char *out)
{
	time_t t = (time_t)(real_ms / 1000);
	char when[32] = "";
	struct tm tm;
	int n;

	if (localtime_r(&t, &tm) != NULL)
		strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	n = snprintf(out, SYSLOG_HEADER_MAX, "<%d>%s holdfast[%ld]: ",
	    SYSLOG_FACILITY | log_level_priority(level), when, (long)getpid());
	return (size_t)n;
}

static void
emit(const struct log_event *event)
{
	bool is_syslog = log_state.options.target == LOG_TARGET_SYSLOG;
	struct log_origin origin = { log_state.label, getpid(), clock_real_ms(),
		log_state.with_priority,
		!log_state.with_priority && !is_syslog };
	char buf[SYSLOG_HEADER_MAX + LOG_LINE_SIZE];
	size_t start = 0;
	size_t len;
	int saved = errno;
	bool written;

	if (is_syslog)
		start = format_syslog_header(event->level, origin.real_ms, buf);
	len = start +
	    log_line_format(log_state.options.format, &origin, event,
		buf + start);
	if (is_syslog)
		written = send_syslog(buf, len - 1);
	else
		written = write_now(buf, len);
	if (!written)
		log_state.dropped++;
	errno = saved;
}

static uint32_t
hash_kind(const char *kind)
{
	uint32_t hash = 2166136261u;

	for (; *kind != '\0'; kind++)
		hash = (hash ^ (unsigned char)*kind) * 16777619u;
	return hash;
}

/*
 * The entry of a kind, made when it is new. NULL when the table has no room
 * near its place: such a kind goes unlimited, rather than lost.
 */
static struct kind_rate *
find_kind(const char *kind)
{
	uint32_t at = hash_kind(kind);
	uint32_t i;

	for (i = 0; i < 16; i++) {
		struct kind_rate *entry =
		    &log_state.kinds[(at + i) & (KINDS - 1)];

		if (entry->kind[0] == '\0')
			copy_text(entry->kind, sizeof(entry->kind), kind);
		if (strncmp(entry->kind, kind, sizeof(entry->kind) - 1) == 0)
			return entry;
	}
	return NULL;
}

/* Whether the limit lets this event through; *out_suppressed as to be told. */
static bool
is_within_rate(enum log_level level, const char *kind, uint64_t *out_suppressed)
{
	uint64_t second = clock_mono_ms() / 1000;
	struct kind_rate *rate;

	*out_suppressed = 0;
	if (log_state.options.per_kind == 0)
		return true;
	rate = find_kind(kind);
	if (rate == NULL)
		return true;
	rate->level = level;
	if (rate->second != second) {
		rate->second = second;
		rate->lines = 0;
	}
	if (rate->lines >= log_state.options.per_kind) {
		rate->suppressed++;
		return false;
	}
	rate->lines++;
	*out_suppressed = rate->suppressed;
	rate->suppressed = 0;
	return true;
}

void
log_write(enum log_level level, const char *kind, const char *msg,
    const struct log_field *fields)
{
	struct log_event event = { level, kind, msg, 0, fields };

	if (level < log_state.options.level)
		return;
	if (is_within_rate(level, kind, &event.suppressed))
		emit(&event);
}

void
log_flush_suppressed(void)
{
	uint64_t second = clock_mono_ms() / 1000;
	size_t i;

	for (i = 0; i < KINDS; i++) {
		struct kind_rate *rate = &log_state.kinds[i];
		struct log_field fields[2] = { log_text("of", rate->kind),
			log_end() };
		struct log_event event = { rate->level, "log_suppressed", NULL,
			rate->suppressed, fields };

		if (rate->suppressed == 0 || rate->second == second)
			continue;
		rate->suppressed = 0;
		emit(&event);
	}
}

_Noreturn void
log_fatal(const char *kind, const char *msg, const struct log_field *fields)
{
	struct log_event event = { LOG_LEVEL_ERROR, kind, msg, 0, fields };

	emit(&event);
	exit(1);
}
