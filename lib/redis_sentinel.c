/* SPDX-License-Identifier: ISC */
/*
 * See redis_sentinel.h.  Two kinds of questions: those of the link, which has a
 * deadline and begins anew with the next Sentinel by itself, and our own, when
 * the one that was listened to is gone: is the master still where it was?
 * hiredis frees its context by itself, as told in redis_link.c.
 */
#include "lib/redis_sentinel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "lib/backoff.h"
#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/parse.h"
#include "lib/random.h"
#include "lib/redis_guard.h"
#include "lib/redis_reply.h"
#include "lib/redis_resolve.h"

struct redis_sentinel {
	struct redis_sentinel_conf conf;
	struct event_base *base;       /* borrowed */
	struct redis_resolve *resolve; /* owned */
	struct redisAsyncContext *ac;  /* owned until hiredis says it ended */
	struct event *connected;       /* owned; connect() has ended well */
	struct event *watch;	       /* owned; once the link knows a master */
	struct redis_guard guard;
	struct backoff backoff; /* between questions of our own */
	char master[256];	/* where it was; "": nobody has said so */
	uint16_t master_port;
	bool is_listening;
	uint64_t asked_ms; /* a question of ours, or SUBSCRIBE, was sent */
	uint32_t next;	   /* to be asked */
	const struct redis_host *host; /* borrowed of the URL: the one asked */
	const char *tls_problem;       /* borrowed; NULL: none */
	redis_sentinel_cb *cb;	       /* NULL: nobody waits */
	void *cb_arg;
};

static void
answer(struct redis_sentinel *sentinel, const char *host, uint16_t port,
    const char *problem)
{
	redis_sentinel_cb *cb = sentinel->cb;

	sentinel->cb = NULL;
	if (cb != NULL)
		cb(host, port, problem, sentinel->cb_arg);
}

static void
wait_ms(struct redis_sentinel *sentinel, uint32_t ms)
{
	const struct timeval delay = { ms / 1000, (ms % 1000) * 1000 };

	(void)evtimer_add(sentinel->watch, &delay);
}

/* what: what was tried, or NULL. */
static void
fail(struct redis_sentinel *sentinel, const char *what, const char *problem)
{
	const struct redis_host *host = sentinel->host;
	char text[512];

	sentinel->is_listening = false;
	/* Nobody waits for it: the next one is asked after a pause. */
	if (sentinel->cb == NULL && sentinel->master[0] != '\0')
		wait_ms(sentinel,
		    backoff_next(&sentinel->backoff, random_u32()));

	snprintf(text, sizeof(text),
	    strchr(host->name, ':') != NULL ? "Sentinel [%s]:%u: %s%s%s" :
					      "Sentinel %s:%u: %s%s%s",
	    host->name, (unsigned)host->port, what != NULL ? what : "",
	    what != NULL ? ": " : "", problem);
	answer(sentinel, NULL, 0, text);
}

static void
drop(struct redis_sentinel *sentinel)
{
	struct redisAsyncContext *ac = sentinel->ac;

	event_del(sentinel->connected);
	event_del(sentinel->watch);
	redis_resolve_cancel(sentinel->resolve);
	sentinel->is_listening = false;
	sentinel->ac = NULL;
	if (ac != NULL) {
		ac->data = NULL;
		redisAsyncFree(ac);
	}
}

/* ---- what it says */

/* "NAME OLD-HOST OLD-PORT HOST PORT" */
static void
on_push(struct redisAsyncContext *ac, void *data, void *arg)
{
	struct redis_sentinel *sentinel = ac->data;
	const char *name, *text;
	size_t len;

	(void)arg;
	if (sentinel == NULL || data == NULL ||
	    !redis_reply_is(redis_reply_at(data, 0), "message"))
		return;
	name = sentinel->conf.url->master;
	text = redis_reply_text(redis_reply_at(data, 2), &len);
	if (text != NULL && strncmp(text, name, strlen(name)) == 0 &&
	    text[strlen(name)] == ' ')
		sentinel->conf.on_moved(sentinel->conf.arg);
}

/* Again and again: it is also the question whether the Sentinel lives. */
static void
subscribe(struct redis_sentinel *sentinel)
{
	sentinel->guard.channel = "+switch-master";
	sentinel->guard.heard = false;
	sentinel->asked_ms = clock_mono_ms();
	if (redisAsyncCommand(sentinel->ac, on_push, NULL,
		"SUBSCRIBE +switch-master") != REDIS_OK)
		/* It is ending, which on_disconnect() tells. */
		sentinel->is_listening = false;
}

static void
listen_on(struct redis_sentinel *sentinel)
{
	sentinel->is_listening = true;
	subscribe(sentinel);
	wait_ms(sentinel, sentinel->conf.ping_interval_ms);
}

/* Is it where the link was told to go? */
static bool
is_known(const struct redis_sentinel *sentinel, const char *host, uint16_t port)
{
	return strcmp(sentinel->master, host) == 0 &&
	    sentinel->master_port == port;
}

static void
on_auth(struct redisAsyncContext *ac, void *data, void *arg)
{
	struct redis_sentinel *sentinel = ac->data;
	const char *error = redis_reply_error(data);

	(void)arg;
	if (sentinel == NULL || data == NULL)
		return;
	sentinel->guard.pending--;
	if (!redis_reply_is(data, "OK"))
		fail(sentinel, "AUTH",
		    error != NULL ? error : "an unexpected reply");
}

static void
on_master(struct redisAsyncContext *ac, void *data, void *arg)
{
	struct redis_sentinel *sentinel = ac->data;
	const char *error = redis_reply_error(data);
	const char *host, *port;
	uint64_t number;
	size_t len;

	(void)arg;
	if (sentinel == NULL || data == NULL)
		return;
	sentinel->guard.pending--;
	if (error != NULL) {
		fail(sentinel, "SENTINEL", error);
		return;
	}
	host = redis_reply_text(redis_reply_at(data, 0), &len);
	port = redis_reply_text(redis_reply_at(data, 1), &len);
	if (host == NULL || port == NULL ||
	    parse_u64(port, 1, 65535, &number) != 0) {
		fail(sentinel, NULL, "it knows no such master");
		return;
	}
	listen_on(sentinel);
	if (sentinel->cb == NULL && !is_known(sentinel, host, (uint16_t)number))
		sentinel->conf.on_moved(sentinel->conf.arg);
	backoff_reset(&sentinel->backoff);
	snprintf(sentinel->master, sizeof(sentinel->master), "%s", host);
	sentinel->master_port = (uint16_t)number;
	answer(sentinel, host, (uint16_t)number, NULL);
}

/* ---- the way to it */

static bool
send_auth(struct redis_sentinel *sentinel)
{
	const struct redis_auth *auth = &sentinel->conf.auth;
	struct redis_auth_words words;
	int rc;

	rc = redis_auth_read(auth, &words);
	if (rc != 0) {
		fail(sentinel, auth->password_file, strerror(-rc));
		return false;
	}
	if (words.argc > 0) {
		sentinel->guard.pending++;
		rc = redisAsyncCommandArgv(sentinel->ac, on_auth, NULL,
		    words.argc, words.argv, words.lens);
	}
	redis_auth_clear(&words);
	if (rc != REDIS_OK)
		fail(sentinel, "AUTH", "no memory");
	return rc == REDIS_OK;
}

static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct redis_sentinel *sentinel = arg;

	(void)fd;
	(void)what;
	if (!send_auth(sentinel))
		return;
	sentinel->guard.pending++;
	if (redisAsyncCommand(sentinel->ac, on_master, NULL,
		"SENTINEL get-master-addr-by-name %s",
		sentinel->conf.url->master) != REDIS_OK)
		fail(sentinel, "SENTINEL", "no memory");
}

/* Why there is no connection. */
static const char *
reason(const struct redis_sentinel *sentinel,
    const struct redisAsyncContext *ac)
{
	if (sentinel->tls_problem != NULL)
		return sentinel->tls_problem;
	return redis_guard_reason(ac);
}

static void
on_connect(const struct redisAsyncContext *ac, int status)
{
	struct redis_sentinel *sentinel = ac->data;

	if (sentinel == NULL)
		return;
	if (status == REDIS_OK) {
		/* not from here, see redis_link.c */
		event_active(sentinel->connected, EV_TIMEOUT, 0);
		return;
	}
	sentinel->ac = NULL;
	fail(sentinel, NULL, reason(sentinel, ac));
}

static void
on_disconnect(const struct redisAsyncContext *ac, int status)
{
	struct redis_sentinel *sentinel = ac->data;

	(void)status;
	if (sentinel == NULL)
		return;
	event_del(sentinel->connected);
	sentinel->ac = NULL;
	fail(sentinel, NULL, reason(sentinel, ac));
}

static void
on_address(const char *address, const char *problem, void *arg)
{
	struct redis_sentinel *sentinel = arg;
	struct redisAsyncContext *ac;

	if (address == NULL) {
		fail(sentinel, "name lookup", problem);
		return;
	}
	ac = redisAsyncConnect(address, sentinel->host->port);
	if (ac == NULL) {
		fail(sentinel, NULL, "no memory");
		return;
	}
	ac->data = sentinel;
	sentinel->ac = ac;
	sentinel->tls_problem = NULL;
	if (ac->err != 0) {
		fail(sentinel, NULL, ac->errstr);
		drop(sentinel);
		return;
	}
	(void)fd_set_cloexec(ac->c.fd, true);
	if (sentinel->conf.url->tls &&
	    redis_tls_begin(ac, &sentinel->conf.tls, sentinel->host->name,
		&sentinel->tls_problem) != 0) {
		drop(sentinel);
		fail(sentinel, NULL, sentinel->tls_problem);
		return;
	}
	redis_guard_install(&sentinel->guard, ac);
	if (redisLibeventAttach(ac, sentinel->base) != REDIS_OK ||
	    redisAsyncSetConnectCallback(ac, on_connect) != REDIS_OK ||
	    redisAsyncSetDisconnectCallback(ac, on_disconnect) != REDIS_OK) {
		drop(sentinel);
		fail(sentinel, NULL, "no memory");
	}
}

static void
ask_next(struct redis_sentinel *sentinel)
{
	const struct redis_url *url = sentinel->conf.url;

	drop(sentinel);
	sentinel->host = &url->hosts[sentinel->next];
	sentinel->next = (sentinel->next + 1) % url->host_count;
	redis_resolve_start(sentinel->resolve, sentinel->host->name,
	    sentinel->conf.connect_timeout_ms, on_address, sentinel);
}

/* Our own question, and the end of one that had no answer. */
static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct redis_sentinel *sentinel = arg;
	uint64_t now_ms = clock_mono_ms();

	(void)fd;
	(void)what;
	if (sentinel->is_listening && sentinel->guard.heard) {
		subscribe(sentinel);
		wait_ms(sentinel, sentinel->conf.ping_interval_ms);
	} else if (sentinel->is_listening &&
	    now_ms - sentinel->asked_ms < sentinel->conf.command_timeout_ms) {
		wait_ms(sentinel, sentinel->conf.ping_interval_ms);
	} else {
		ask_next(sentinel);
		sentinel->asked_ms = now_ms;
		/* It may have failed already. */
		if (!evtimer_pending(sentinel->watch, NULL))
			wait_ms(sentinel, sentinel->conf.connect_timeout_ms);
	}
}

void
redis_sentinel_ask(struct redis_sentinel *sentinel, redis_sentinel_cb *cb,
    void *arg)
{
	sentinel->cb = cb;
	sentinel->cb_arg = arg;
	ask_next(sentinel);
}

void
redis_sentinel_cancel(struct redis_sentinel *sentinel)
{
	sentinel->cb = NULL;
}

void
redis_sentinel_set_timeouts(struct redis_sentinel *sentinel,
    uint32_t connect_ms, uint32_t command_ms, uint32_t ping_ms)
{
	sentinel->conf.connect_timeout_ms = connect_ms;
	sentinel->conf.command_timeout_ms = command_ms;
	sentinel->conf.ping_interval_ms = ping_ms;
}

struct redis_sentinel *
redis_sentinel_new(struct event_base *base,
    const struct redis_sentinel_conf *conf)
{
	struct redis_sentinel *sentinel = calloc(1, sizeof(*sentinel));

	if (sentinel == NULL)
		return NULL;
	sentinel->base = base;
	sentinel->conf = *conf;
	sentinel->resolve = redis_resolve_new(base);
	sentinel->connected = evtimer_new(base, on_connected, sentinel);
	sentinel->watch = evtimer_new(base, on_watch, sentinel);
	backoff_init(&sentinel->backoff, conf->backoff_ms,
	    conf->backoff_max_ms);
	if (sentinel->resolve == NULL || sentinel->connected == NULL ||
	    sentinel->watch == NULL) {
		redis_sentinel_free(sentinel);
		return NULL;
	}
	return sentinel;
}

void
redis_sentinel_free(struct redis_sentinel *sentinel)
{
	if (sentinel == NULL)
		return;
	sentinel->cb = NULL;
	if (sentinel->connected != NULL && sentinel->watch != NULL &&
	    sentinel->resolve != NULL)
		drop(sentinel);
	redis_resolve_free(sentinel->resolve);
	if (sentinel->connected != NULL)
		event_free(sentinel->connected);
	if (sentinel->watch != NULL)
		event_free(sentinel->watch);
	free(sentinel);
}
