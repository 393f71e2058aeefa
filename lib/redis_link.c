/* SPDX-License-Identifier: ISC */
/*
 * The life of a link to Redis (see redis_link.h): carries out what the table of
 * redis_link_fsm.c says.  hiredis frees its context by itself after the
 * disconnect callback and after a failed connect callback, and calls back for
 * each pending command with NULL before that.
 */
#include "lib/redis_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>

#include "lib/clock.h"
#include "lib/random.h"
#include "lib/redis_link_inside.h"

#define WATCH_MIN_MS 10u
#define WATCH_PARTS  4u /* of the shorter deadline */

void
redis_link_wait_ms(struct event *event, uint32_t ms)
{
	const struct timeval delay = { ms / 1000, (ms % 1000) * 1000 };

	(void)evtimer_add(event, &delay);
}

static uint32_t
watch_ms(const struct redis_link *link)
{
	uint32_t ms = link->conf.command_timeout_ms;

	if (link->conf.ping_interval_ms < ms)
		ms = link->conf.ping_interval_ms;
	ms /= WATCH_PARTS;
	return ms < WATCH_MIN_MS ? WATCH_MIN_MS : ms;
}

/* ---- the end of a connection */

static void
drop(struct redis_link *link)
{
	struct redisAsyncContext *ac = link->ac;

	event_del(link->connected);
	event_del(link->deadline);
	event_del(link->watch);
	event_del(link->pause);
	redis_resolve_cancel(link->resolve);
	if (link->sentinel != NULL)
		redis_sentinel_cancel(link->sentinel);
	link->ac = NULL;
	redis_link_lose(link);
	if (ac != NULL) {
		ac->data = NULL;
		redisAsyncFree(ac);
	}
}

/* Addresses are tried in turn. */
static bool
note_problem(struct redis_link *link)
{
	uint32_t hosts = link->conf.url.host_count;
	char *told;

	if (link->up_ms != 0) {
		link->attempts = 0;
		memset(link->told, 0, sizeof(link->told));
		return true;
	}
	told = link->told[link->attempts++ % (hosts > 0 ? hosts : 1)];
	if (strcmp(told, link->problem) == 0)
		return false;
	memcpy(told, link->problem, sizeof(link->problem));
	return true;
}

static void
do_pause(struct redis_link *link)
{
	uint64_t now_ms = clock_mono_ms();

	drop(link);
	link->tried_ms[link->trying] = link->began_ms;
	/* Only a link that has held up begins with short pauses again. */
	if (link->up_ms != 0 &&
	    now_ms - link->up_ms > link->conf.backoff_max_ms)
		backoff_reset(&link->backoff);
	link->is_news = note_problem(link);
	link->up_ms = 0;
	redis_link_wait_ms(link->pause,
	    backoff_next(&link->backoff, random_u32()));
	link->conf.on_state(false, link->problem, link->conf.arg);
}

static void
do_up(struct redis_link *link)
{
	event_del(link->deadline);
	link->up_ms = link->asked_ms = link->heard_ms = link->watched_ms =
	    clock_mono_ms();
	redis_link_wait_ms(link->watch, watch_ms(link));
	link->conf.on_state(true, NULL, link->conf.arg);
}

void
redis_link_feed(struct redis_link *link, enum redis_link_event event,
    const char *why)
{
	struct redis_link_move move = redis_link_fsm_next(link->state, event);

	if (move.act == REDIS_LINK_IGNORE)
		return;
	link->state = move.next;
	if (why != NULL)
		snprintf(link->problem, sizeof(link->problem), "%s", why);
	switch (move.act) {
	case REDIS_LINK_DO_RESOLVE:
		redis_link_resolve(link);
		break;
	case REDIS_LINK_DO_CONNECT:
		redis_link_connect(link);
		break;
	case REDIS_LINK_DO_GREET:
		redis_link_greet(link);
		break;
	case REDIS_LINK_DO_UP:
		do_up(link);
		break;
	case REDIS_LINK_DO_DOWN:
	case REDIS_LINK_DO_PAUSE:
		do_pause(link);
		break;
	case REDIS_LINK_DO_DROP:
		if (link->ac != NULL)
			redis_link_forget_at_close(link, false);
		drop(link);
		break;
	case REDIS_LINK_IGNORE:
		break;
	}
}

/* ---- timers */

static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	redis_link_feed(arg, REDIS_LINK_EV_CONNECTED, NULL);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	redis_link_feed(arg, REDIS_LINK_EV_FAILED,
	    "not ready within redis.connect_timeout");
}

static void
on_pause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	redis_link_feed(arg, REDIS_LINK_EV_RETRY, NULL);
}

/* What is wrong with a ready link now, or NULL. */
static const char *
fault_now(const struct redis_link *link, uint64_t now_ms)
{
	uint64_t limit_ms = link->conf.command_timeout_ms;

	if (link->first != NULL && now_ms - link->first->sent_ms > limit_ms)
		return "no reply within redis.command_timeout";
	if (link->conf.channel != NULL && link->asked_ms > link->heard_ms &&
	    now_ms - link->asked_ms > limit_ms)
		return "the subscription is silent";
	return NULL;
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct redis_link *link = arg;
	uint64_t now_ms = clock_mono_ms();
	uint32_t pause_ms = watch_ms(link);
	const char *why;

	(void)fd;
	(void)what;
	if (link->guard.heard)
		link->heard_ms = now_ms;
	link->guard.heard = false;
	why = fault_now(link, now_ms);
	/* If we were late ourselves, the reply may lie in the socket. */
	if (why != NULL && now_ms - link->watched_ms > 3 * pause_ms)
		why = NULL;
	else if (why != NULL) {
		redis_link_feed(link, REDIS_LINK_EV_FAILED, why);
		return;
	}
	link->watched_ms = now_ms;
	redis_link_wait_ms(link->watch, pause_ms);
	/* Not again what has not been answered: its time is counted. */
	if (link->heard_ms >= link->asked_ms &&
	    now_ms - link->asked_ms >= link->conf.ping_interval_ms) {
		link->asked_ms = now_ms;
		redis_link_ask(link);
	}
}

/* ---- what the owner calls */

struct redis_link *
redis_link_new(struct event_base *base, const struct redis_link_conf *conf)
{
	struct redis_link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	link->conf = *conf;
	link->base = base;
	link->state = REDIS_LINK_STOPPED;
	backoff_init(&link->backoff, conf->backoff_ms, conf->backoff_max_ms);
	link->resolve = redis_resolve_new(base);
	link->connected = evtimer_new(base, on_connected, link);
	link->deadline = evtimer_new(base, on_deadline, link);
	link->pause = evtimer_new(base, on_pause, link);
	link->watch = evtimer_new(base, on_watch, link);
	if (link->conf.url.master[0] != '\0')
		link->sentinel = redis_link_sentinel(link);
	if (link->resolve == NULL || link->connected == NULL ||
	    (link->conf.url.master[0] != '\0' && link->sentinel == NULL) ||
	    link->deadline == NULL || link->pause == NULL ||
	    link->watch == NULL) {
		redis_link_free(link);
		return NULL;
	}
	return link;
}

void
redis_link_free(struct redis_link *link)
{
	if (link == NULL)
		return;
	redis_link_feed(link, REDIS_LINK_EV_STOP, NULL);
	redis_sentinel_free(link->sentinel);
	redis_resolve_free(link->resolve);
	if (link->connected != NULL)
		event_free(link->connected);
	if (link->deadline != NULL)
		event_free(link->deadline);
	if (link->pause != NULL)
		event_free(link->pause);
	if (link->watch != NULL)
		event_free(link->watch);
	free(link);
}

void
redis_link_start(struct redis_link *link)
{
	redis_link_feed(link, REDIS_LINK_EV_START, NULL);
}

void
redis_link_renew(struct redis_link *link, const char *why)
{
	redis_link_feed(link, REDIS_LINK_EV_FAILED, why);
}

void
redis_link_hurry(struct redis_link *link)
{
	event_del(link->pause);
	redis_link_feed(link, REDIS_LINK_EV_RETRY, NULL);
}

uint64_t
redis_link_tried_ms(const struct redis_link *link)
{
	/* Sentinels tell where the one address is. */
	uint32_t count = link->sentinel != NULL ? 1 : link->conf.url.host_count;
	uint64_t first_ms = link->tried_ms[0];

	for (uint32_t i = 1; i < count; i++)
		if (link->tried_ms[i] < first_ms)
			first_ms = link->tried_ms[i];
	return first_ms;
}

void
redis_link_set_timeouts(struct redis_link *link, uint32_t connect_ms,
    uint32_t command_ms, uint32_t ping_ms)
{
	link->conf.connect_timeout_ms = connect_ms;
	link->conf.command_timeout_ms = command_ms;
	link->conf.ping_interval_ms = ping_ms;
	if (link->sentinel != NULL)
		redis_sentinel_set_timeouts(link->sentinel, connect_ms,
		    command_ms, ping_ms);
	/* It would look again only when the old ones say so. */
	if (event_pending(link->watch, EV_TIMEOUT, NULL)) {
		link->watched_ms = clock_mono_ms();
		redis_link_wait_ms(link->watch, watch_ms(link));
	}
}

enum redis_link_state
redis_link_state(const struct redis_link *link)
{
	return link->state;
}

uint32_t
redis_link_pending(const struct redis_link *link)
{
	return link->guard.pending;
}

uint64_t
redis_link_owed_ms(const struct redis_link *link)
{
	return link->first == NULL ? 0 : clock_mono_ms() - link->first->sent_ms;
}

uint64_t
redis_link_errors(const struct redis_link *link)
{
	return link->errors;
}

bool
redis_link_is_news(const struct redis_link *link)
{
	return link->is_news;
}

const char *
redis_link_address(const struct redis_link *link)
{
	return link->address;
}

const char *
redis_link_problem(const struct redis_link *link)
{
	return link->problem;
}
