/* SPDX-License-Identifier: ISC */
/*
 * Sends canaries and acts on what canary_fsm.c says (see canary.h).
 */
#include "worker/relay/canary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "worker/relay/canary_fsm.h"
#include "worker/relay/inbox_fields.h"
#include "worker/relay/relay.h"

#define TICK_MIN_MS 5u
#define TICK_PARTS  4u /* of the shorter time */
/* A tick that comes so late says that we stood still, and not Redis. */
#define LATE_MS 500u

static struct slot_path_state *
shown(const struct canary_path *path)
{
	return &path->canary->relay->worker->slot->redis.paths[path->path];
}

static enum slot_hearing
hearing_of(const struct canary_path *path)
{
	uint32_t hearing = atomic_load(&shown(path)->hearing);

	return hearing < SLOT_HEARING_MAX ? (enum slot_hearing)hearing :
					    SLOT_HEARS;
}

/* ---- sending */

static void feed(struct canary_path *, enum canary_event);

/* Who says "later" (no memory, a script that runs) says it to everybody: that
 * nothing was sent tells nothing of the path. */
static void
on_sent(const struct redisReply *reply, enum redis_fault fault, void *arg)
{
	struct canary_path *path = arg;

	(void)reply;
	if (fault != REDIS_FAULT_LOST &&
	    redis_fault_reaction(fault) == REDIS_LATER)
		feed(path, CANARY_EXCUSED);
}

static int
publish(struct canary_path *path, const char *token)
{
	struct backplane *backplane = &path->canary->relay->backplane;
	char text[64];
	const char *const words[] = { "PUBLISH", backplane->channel, text,
		NULL };

	(void)snprintf(text, sizeof(text),
	    "{\"holdfast\":\"canary\",\"token\":\"%s\"}", token);
	return backplane_command(backplane, on_sent, path, words);
}

static int
add(struct canary_path *path, const char *token)
{
	struct relay *relay = path->canary->relay;
	const char *const words[] = { "XADD", relay->inbox.key, "*", "k",
		inbox_kind_name(INBOX_CANARY), "t", token, NULL };

	return backplane_command(&relay->backplane, on_sent, path, words);
}

/* Without its links there is nothing to be tried; they will tell. */
static void
send_one(struct canary_path *path)
{
	struct canary *canary = path->canary;
	char token[CANARY_TOKEN_MAX + 1];
	int rc;

	path->token = 0;
	if (!backplane_path_is_up(&canary->relay->backplane, path->path))
		return;
	if (++canary->next_token == 0)
		canary->next_token = 1;
	(void)snprintf(token, sizeof(token), "%016" PRIx64, canary->next_token);
	path->sent_us = clock_mono_us();
	rc = path->path == SLOT_PATH_CHANNEL ? publish(path, token) :
					       add(path, token);
	if (rc != 0)
		return;
	path->token = canary->next_token;
}

/* ---- what the table says */

static void
renew(struct canary_path *path)
{
	struct relay *relay = path->canary->relay;

	path->token = 0;
	counter_add(relay_counters(relay), COUNTER_DEAF_RENEWALS, 1);
	backplane_renew(&relay->backplane, path->path);
}

static void
tell(const struct canary_path *path, const char *kind, uint64_t ms)
{
	worker_event(path->canary->relay->worker, kind, NULL,
	    slot_path_name(path->path), (int64_t)ms);
}

static void
begin_time(struct canary_path *path, uint64_t now_ms)
{
	path->since_ms = now_ms;
	atomic_store(&shown(path)->since_ms, now_ms);
}

static void
feed(struct canary_path *path, enum canary_event event)
{
	enum slot_hearing before = hearing_of(path);
	struct canary_move move = canary_fsm_next(before, event);
	uint64_t now_ms = clock_mono_ms();
	uint64_t spent_ms = now_ms - atomic_load(&shown(path)->since_ms);

	if (move.act == CANARY_IGNORE || path->canary->tick == NULL ||
	    path->canary->is_parting)
		return;
	/* The time of the deafness itself goes on. */
	if (move.next != before || move.act == CANARY_NOTE)
		begin_time(path, now_ms);
	else if (move.act == CANARY_RENEW)
		path->since_ms = now_ms;
	atomic_store(&shown(path)->hearing, (uint32_t)move.next);
	switch (move.act) {
	case CANARY_IGNORE:
	case CANARY_NOTE:
		break;
	case CANARY_SEND:
		send_one(path);
		break;
	case CANARY_RENEW:
		if (before == SLOT_HEARING_TRIED)
			log_warn("canary_lost", "links are made anew",
			    log_text("path", slot_path_name(path->path)),
			    log_uint("ms", spent_ms));
		renew(path);
		break;
	case CANARY_DEAFEN:
		tell(path, "redis_deaf", spent_ms);
		renew(path);
		break;
	case CANARY_CURE:
		tell(path, "redis_heard", spent_ms);
		break;
	}
}

/* ---- timer */

static void
arm(struct canary *canary)
{
	const struct settings_redis *set =
	    &canary->relay->worker->settings.redis;
	uint64_t ms = set->canary_interval_ms < set->deaf_after_ms ?
	    set->canary_interval_ms :
	    set->deaf_after_ms;
	struct timeval delay;

	ms /= TICK_PARTS;
	if (ms < TICK_MIN_MS)
		ms = TICK_MIN_MS;
	delay.tv_sec = (time_t)(ms / 1000);
	delay.tv_usec = (suseconds_t)(ms % 1000) * 1000;
	(void)evtimer_add(canary->tick, &delay);
	canary->ticked_ms = clock_mono_ms() + ms;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct canary *canary = arg;
	const struct settings_redis *set =
	    &canary->relay->worker->settings.redis;
	uint64_t now_ms = clock_mono_ms();
	bool is_late = now_ms > canary->ticked_ms + LATE_MS;
	enum canary_event event;

	(void)fd;
	(void)what;
	for (int i = 0; i < SLOT_PATH_MAX; i++) {
		struct canary_path *path = &canary->paths[i];

		if (path->heard)
			event = CANARY_HEARD;
		else if (is_late)
			event = CANARY_EXCUSED;
		else
			event = canary_fsm_time(hearing_of(path),
			    now_ms - path->since_ms, set->canary_interval_ms,
			    set->deaf_after_ms);
		path->heard = false;
		feed(path, event);
	}
	arm(canary);
}

/* ---- what others call */

void
canary_returned(struct canary *canary, enum slot_path which, const char *token)
{
	static const enum slot_histogram histograms[SLOT_PATH_MAX] = {
		[SLOT_PATH_CHANNEL] = HISTOGRAM_CHANNEL_LAG_US,
		[SLOT_PATH_INBOX] = HISTOGRAM_INBOX_LAG_US,
	};
	struct canary_path *path = &canary->paths[which];
	char own[CANARY_TOKEN_MAX + 1];
	uint64_t lag_us;

	(void)snprintf(own, sizeof(own), "%016" PRIx64, path->token);
	if (path->token != 0 && strcmp(own, token) == 0) {
		lag_us = clock_mono_us() - path->sent_us;
		histogram_record(&relay_counters(canary->relay)
				      ->histogram[histograms[which]],
		    lag_us);
		atomic_store(&shown(path)->lag_us, lag_us);
		path->token = 0;
	}
	feed(path, CANARY_HEARD);
}

void
canary_linked(struct canary *canary, enum slot_path path)
{
	feed(&canary->paths[path], CANARY_LINKED);
}

void
canary_part(struct canary *canary)
{
	canary->is_parting = true;
	if (canary->tick != NULL)
		event_del(canary->tick);
}

void
canary_resume(struct canary *canary)
{
	uint64_t now_ms = clock_mono_ms();

	canary->is_parting = false;
	for (int i = 0; i < SLOT_PATH_MAX; i++)
		canary->paths[i].since_ms = now_ms;
	if (canary->tick != NULL)
		arm(canary);
}

int
canary_start(struct canary *canary, struct relay *relay)
{
	uint64_t now_ms = clock_mono_ms();

	memset(canary, 0, sizeof(*canary));
	canary->relay = relay;
	for (int i = 0; i < SLOT_PATH_MAX; i++) {
		canary->paths[i].canary = canary;
		canary->paths[i].path = (enum slot_path)i;
		canary->paths[i].since_ms = now_ms;
	}
	if (relay->worker->settings.redis.url[0] == '\0')
		return 0;
	canary->next_token = random_u64();
	canary->tick = evtimer_new(relay->worker->base, on_tick, canary);
	if (canary->tick == NULL)
		return -ENOMEM;
	arm(canary);
	return 0;
}
