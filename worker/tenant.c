/* SPDX-License-Identifier: ISC */
/*
 * The straight-line life of a tenant: from clone3() through settings, attach,
 * the sweep of fds and the program's adoption to the event loop and out.  It
 * starts as a copy of the keeper's memory and with the keeper's fds, of which
 * it closes none.  Ends with _exit(): the keeper's exit handlers are not its
 * own.
 */
#include "worker/tenant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/random.h"
#include "proto/settings_pack.h"
#include "worker/fd_sweep.h"
#include "worker/handoff.h"
#include "worker/process.h"
#include "worker/slot_fds.h"

#define BEAT_MAX_MS	   250u
#define BEAT_MIN_MS	   10u
#define RSS_CHECK_MS	   4000u
#define SETTINGS_MAX_BYTES (1024u * 1024)
/* fds that connections never take: those of the next keeper and tenant. */
#define SPARE_FDS 32

int
worker_fd(const struct worker *worker, enum slot_fd_kind kind, uint32_t index)
{
	return slot_fds_find(worker->slot, kind, index);
}

int
worker_fd_put(struct worker *worker, enum slot_fd_kind kind, uint32_t index,
    int fd)
{
	int old;
	int rc = slot_fds_put(worker->slot, kind, index, fd, &old);

	if (rc == 0)
		fd_close(&old);
	return rc;
}

void
worker_beat(struct worker *worker)
{
	_Atomic uint64_t *beat = &worker->slot->heartbeat;

	/* This process is the only writer. */
	atomic_store_explicit(beat,
	    atomic_load_explicit(beat, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

void
worker_leave(struct worker *worker, int exit_code)
{
	worker->exit_code = exit_code;
	worker->is_leaving = true;
	commit_store(&worker->slot->tenant_state, (uint32_t)TENANT_LEAVING);
	if (worker->base != NULL)
		event_base_loopbreak(worker->base);
}

static bool
has_lost_keeper(const struct worker *worker)
{
	uint32_t keeper = atomic_load(&worker->slot->keeper_pid);

	return keeper != 0 && getppid() != (pid_t)keeper;
}

void
tenant_recycle(struct worker *worker, const char *why)
{
	if (worker->is_leaving || worker->is_recycling)
		return;
	/* Nobody would follow. */
	if (has_lost_keeper(worker))
		return;
	worker->is_recycling = true;
	log_info("recycle", "leaving at the next safe point",
	    log_text("why", why));
	if (worker->ops->recycle != NULL)
		worker->ops->recycle(worker);
	else
		worker_leave(worker, WORKER_EXIT_RECYCLE);
}

static int
read_all(int fd, uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, bytes + done, len - done, (off_t)done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EPROTO : -errno;
		done += (size_t)n;
	}
	return 0;
}

int
tenant_read_settings(struct worker *worker)
{
	int fd = worker_fd(worker, SLOT_FD_SETTINGS, 0);
	uint32_t unknown = 0;
	struct stat st;
	uint8_t *bytes;
	size_t len;
	int rc;

	if (fd == -1) {
		settings_defaults(&worker->settings);
		return 0;
	}
	if (fstat(fd, &st) == -1)
		return -errno;
	if (st.st_size > (off_t)SETTINGS_MAX_BYTES)
		return -EFBIG;
	len = (size_t)st.st_size;
	bytes = malloc(len + 1);
	if (bytes == NULL)
		return -ENOMEM;
	rc = read_all(fd, bytes, len);
	if (rc == 0)
		rc = settings_unpack(bytes, len, &worker->settings, &unknown);
	free(bytes);
	if (rc == 0 && unknown > 0)
		log_warn("settings_unknown", "they are skipped",
		    log_uint("count", unknown));
	return rc;
}

static void
open_log(struct worker *worker)
{
	struct log_options options = log_options_default();
	const struct settings *settings = &worker->settings;
	int rc;

	options.label = worker->log_label;
	options.level = (enum log_level)settings->log.level;
	options.format = (enum log_format)settings->log.format;
	/* A file is opened by the supervisor and comes to us as fd 2. */
	if (strcmp(settings->log.target, "syslog") == 0)
		options.target = LOG_TARGET_SYSLOG;
	rc = log_open(&options);
	if (rc == 0)
		return;
	options.target = LOG_TARGET_STDERR;
	(void)log_open(&options);
	log_warn("log_failed", "logging to stderr instead", log_errno(rc));
}

static struct timeval
beat_interval(const struct worker *worker)
{
	uint64_t ms = worker->settings.worker.stall_ms / 8;

	if (ms > BEAT_MAX_MS)
		ms = BEAT_MAX_MS;
	if (ms < BEAT_MIN_MS)
		ms = BEAT_MIN_MS;
	return (struct timeval){ .tv_usec = (suseconds_t)(ms * 1000) };
}

/* As many milliseconds as the keeper can wait. */
static uint32_t
clamp_ms(uint64_t ms)
{
	return ms > 3600000 ? 3600000 : (uint32_t)ms;
}

void
tenant_apply_settings(struct worker *worker)
{
	const struct settings *settings = &worker->settings;
	struct timeval interval = beat_interval(worker);
	struct slot_header *slot = worker->slot;

	open_log(worker);
	atomic_store(&slot->backoff_ms, clamp_ms(settings->worker.backoff_ms));
	atomic_store(&slot->backoff_max_ms,
	    clamp_ms(settings->worker.backoff_max_ms));
	atomic_store(&slot->crash_window_ms,
	    clamp_ms(settings->worker.crash_window_ms));
	(void)process_core_limit(settings->worker.core_dumps);
	if (worker->beat != NULL)
		(void)event_add(worker->beat, &interval);
}

void
tenant_spare_fds(const struct worker *worker, bool spare)
{
	int rc;

	if (!worker->spares_fds)
		return;
	rc = process_move_fd_limit(spare ? -SPARE_FDS : SPARE_FDS);
	if (rc != 0)
		log_warn("fd_limit_kept", NULL, log_errno(rc));
}

/* RssAnon alone: pages of the slot are shared and no leak of this process. */
static void
check_rss(struct worker *worker)
{
	Holdfast__Recycle body = HOLDFAST__RECYCLE__INIT;
	uint64_t limit = worker->settings.worker.max_rss;
	uint64_t kib = 0;

	if (limit == 0)
		return;
	tenant_spare_fds(worker, false);
	(void)process_status("RssAnon", &kib);
	tenant_spare_fds(worker, true);
	if (kib * 1024 <= limit)
		return;
	/* Rather with the next one beside us; if none comes, without. */
	if (worker->ops->stand_by != NULL && worker->channel.fd != -1 &&
	    !worker->has_asked) {
		worker->has_asked = true;
		worker_send(worker, MSG_RECYCLE, &body.base);
		return;
	}
	tenant_recycle(worker, "worker.max_rss");
}

/* A slot that nobody looks after any more ends itself.  The header remembers
 * since when, so that a tenant's death does not begin the time anew. */
static void
check_orphaned(struct worker *worker)
{
	_Atomic uint64_t *since = &worker->slot->orphan_since_ms;
	uint64_t now = clock_mono_ms();

	if (worker->channel.fd != -1) {
		atomic_store(since, 0);
		return;
	}
	if (atomic_load(since) == 0)
		atomic_store(since, now);
	if (worker->is_leaving || worker->is_orphaned ||
	    now - atomic_load(since) < worker->settings.worker.orphan_max_ms)
		return;
	worker->is_orphaned = true;
	log_warn("orphaned", "no supervisor came back: the slot ends itself");
	if (worker->ops->orphaned != NULL)
		worker->ops->orphaned(worker);
	else
		worker_leave(worker, WORKER_EXIT_LEAVE);
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t usec = (uint64_t)beat_interval(worker).tv_usec;

	(void)fd;
	(void)what;
	worker_beat(worker);
	check_orphaned(worker);
	if (++worker->beats * usec < RSS_CHECK_MS * 1000)
		return;
	worker->beats = 0;
	check_rss(worker);
	log_flush_suppressed();
}

/* libevent without threads, signals and surprises from the environment. */
static int
open_base(struct worker *worker)
{
	struct event_config *config;

	if (worker->base != NULL)
		return 0;
	config = event_config_new();
	if (config == NULL)
		return -ENOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
	worker->base = event_base_new_with_config(config);
	event_config_free(config);
	return worker->base == NULL ? -ENOMEM : 0;
}

static int
start_beat(struct worker *worker)
{
	struct timeval interval = beat_interval(worker);

	worker->beat = event_new(worker->base, -1, EV_PERSIST, on_beat, worker);
	if (worker->beat == NULL || event_add(worker->beat, &interval) == -1)
		return -ENOMEM;
	return 0;
}

/* From another tenant, beside which we stand until it gives. */
static int
take(struct worker *worker)
{
	int rc;

	if (worker->ops->stand_by != NULL) {
		rc = open_base(worker);
		if (rc != 0)
			return rc;
		worker->stands_by = true;
		worker->ops->stand_by(worker);
	}
	rc = handoff_take(worker);
	worker->stands_by = false;
	return rc;
}

static int
attach(struct worker *worker)
{
	uint32_t closed = 0;
	int fd, rc;

	rc = tenant_read_settings(worker);
	if (rc != 0)
		return rc;
	tenant_apply_settings(worker);
	rc = process_offer_to_oom();
	if (rc != 0)
		log_debug("oom_score_kept", NULL, log_errno(rc));
	fd = worker_fd(worker, SLOT_FD_NODE, 0);
	if (fd != -1 && (rc = node_attach(&worker->node, fd)) != 0)
		return rc;
	handoff_find(worker);
	if (atomic_load(&worker->slot->handoff_taking) != 0 &&
	    (rc = take(worker)) != 0)
		return rc;
	if (worker->ops->attach != NULL &&
	    (rc = worker->ops->attach(worker)) != 0)
		return rc;
	if (worker->given != NULL)
		closed = fd_sweep_given(worker);
	else
		rc = fd_sweep(worker, &closed);
	if (rc == 0 && closed > 0)
		log_info("fds_closed", "nobody knew them",
		    log_uint("count", closed));
	return rc;
}

static void
tell_serving(struct worker *worker, Holdfast__Serving *serving)
{
	struct slot_header *slot = worker->slot;
	uint64_t now = clock_mono_ns();
	uint32_t adopting = TENANT_ADOPTING;

	slot->served_ns = now;
	/* The program may be draining already. */
	atomic_compare_exchange_strong(&slot->tenant_state, &adopting,
	    (uint32_t)TENANT_SERVING);
	if (slot->died_ns != 0 && worker->generation > 1)
		histogram_record(
		    &slot->counters.histogram[HISTOGRAM_RECOVERY_US],
		    (now - slot->died_ns) / 1000);
	serving->generation = worker->generation;
	worker_send(worker, MSG_SERVING, &serving->base);
	log_info("serving", NULL, log_uint("generation", worker->generation),
	    log_uint("adopted", serving->adopted),
	    log_uint("orphans", serving->orphans),
	    log_uint("discarded", serving->discarded),
	    log_uint("adoption_us", serving->adoption_us));
}

static int
start(struct worker *worker, uint64_t began_us)
{
	Holdfast__Serving serving = HOLDFAST__SERVING__INIT;
	int rc;

	rc = open_base(worker);
	if (rc == 0)
		rc = start_beat(worker);
	if (rc == 0)
		rc = tenant_channel_open(worker);
	if (rc == 0)
		rc = worker->ops->start(worker, &serving);
	if (rc != 0)
		return rc;
	if (serving.adoption_us == 0)
		serving.adoption_us = clock_mono_us() - began_us;
	tell_serving(worker, &serving);
	worker->spares_fds = true;
	tenant_spare_fds(worker, true);
	return 0;
}

_Noreturn void
tenant_main(struct worker *worker)
{
	bool takes = atomic_load(&worker->slot->handoff_taking) != 0;
	uint64_t began_us = clock_mono_us();
	cpu_set_t pinned;
	int rc;

	/* Not beside the giver, which serves its clients meanwhile. */
	if (takes)
		process_unpin(&pinned);
	worker->channel.fd = worker->handoff_fd = -1;
	snprintf(worker->log_label, sizeof(worker->log_label),
	    worker->ops->kind == SLOT_KIND_GATEWAY ? "%c%u" : "%c",
	    worker->ops->label, worker->slot_no);
	/* The keeper writes the same, maybe only after we serve. */
	atomic_store(&worker->slot->tenant_pid, (uint32_t)getpid());
	process_signals();
	process_name(worker->log_label);
	random_reset();
	rc = attach(worker);
	/* A tenant that cannot serve may still give its slot to one that can.
	 */
	if (rc == 0 && atomic_load(&worker->slot->handoff_wanted) != 0)
		tenant_give_first(worker);
	if (rc == 0 && !worker->is_leaving)
		rc = start(worker, began_us);
	if (rc != 0 && atomic_load(&worker->slot->handoff_taking) != 0) {
		log_error("take_failed", "the slot stays where it was",
		    log_errno(rc));
		_exit(WORKER_EXIT_LEAVE);
	}
	if (takes)
		process_pin(&pinned);
	if (rc != 0) {
		log_error("start_failed", "the keeper tries again",
		    log_errno(rc));
		_exit(WORKER_EXIT_ERROR);
	}
	if (!worker->is_leaving && event_base_dispatch(worker->base) == -1)
		worker->exit_code = WORKER_EXIT_ERROR;
	if (worker->channel.fd != -1)
		(void)channel_flush(&worker->channel);
	_exit(worker->exit_code);
}
