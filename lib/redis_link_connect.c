/* SPDX-License-Identifier: ISC */
/*
 * The way to a server: which one, by the URL or by a Sentinel, its address, and
 * the connection.  For redis_link.c alone.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "lib/clock.h"
#include "lib/fd.h"
#include "lib/redis_link_inside.h"

/* Why the connection has failed. */
static const char *
reason(const struct redis_link *link, const struct redisAsyncContext *ac)
{
	if (link->tls_problem != NULL)
		return link->tls_problem;
	return redis_guard_reason(ac);
}

static void
on_connect(const struct redisAsyncContext *ac, int status)
{
	struct redis_link *link = ac->data;

	if (link == NULL)
		return;
	if (status == REDIS_OK) {
		/* Not from here: hiredis 0.14 goes on with the context, which
		 * must therefore not be freed in this callback. */
		event_active(link->connected, EV_TIMEOUT, 0);
		return;
	}
	link->ac = NULL;
	redis_link_feed(link, REDIS_LINK_EV_FAILED, reason(link, ac));
}

static void
on_disconnect(const struct redisAsyncContext *ac, int status)
{
	struct redis_link *link = ac->data;

	(void)status;
	if (link == NULL)
		return;
	link->ac = NULL;
	redis_link_feed(link, REDIS_LINK_EV_FAILED, reason(link, ac));
}

/*
 * What is still on its way when a connection fails, or when we are killed, must
 * not arrive after what the next connection says: an old command would undo a
 * newer one.  So the kernel forgets it, unless the end is an orderly one.
 */
void
redis_link_forget_at_close(struct redis_link *link, bool forgets)
{
	const struct linger linger = { .l_onoff = forgets };

	(void)setsockopt(link->ac->c.fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger));
}

void
redis_link_connect(struct redis_link *link)
{
	const char *path = link->conf.url.path;
	struct redisAsyncContext *ac;

	ac = path[0] != '\0' ? redisAsyncConnectUnix(path) :
			       redisAsyncConnect(link->ip, link->port);
	if (ac == NULL) {
		redis_link_feed(link, REDIS_LINK_EV_FAILED, "no memory");
		return;
	}
	ac->data = link;
	link->ac = ac;
	link->tls_problem = NULL;
	if (ac->err != 0) {
		redis_link_feed(link, REDIS_LINK_EV_FAILED, reason(link, ac));
		return;
	}
	(void)fd_set_cloexec(ac->c.fd, true);
	redis_link_forget_at_close(link, true);
	if (link->conf.url.tls &&
	    redis_tls_begin(ac, &link->conf.tls, link->name,
		&link->tls_problem) != 0) {
		redis_link_feed(link, REDIS_LINK_EV_FAILED, link->tls_problem);
		return;
	}
	redis_guard_install(&link->guard, ac);
	if (redisLibeventAttach(ac, link->base) != REDIS_OK ||
	    redisAsyncSetConnectCallback(ac, on_connect) != REDIS_OK ||
	    redisAsyncSetDisconnectCallback(ac, on_disconnect) != REDIS_OK)
		redis_link_feed(link, REDIS_LINK_EV_FAILED, "no memory");
}

static void
on_address(const char *address, const char *problem, void *arg)
{
	struct redis_link *link = arg;
	char text[REDIS_LINK_TEXT];

	if (address == NULL) {
		snprintf(text, sizeof(text), "name lookup: %s", problem);
		redis_link_feed(link, REDIS_LINK_EV_FAILED, text);
		return;
	}
	snprintf(link->ip, sizeof(link->ip), "%s", address);
	redis_link_feed(link, REDIS_LINK_EV_RESOLVED, NULL);
}

static void
set_address(struct redis_link *link, const char *host, uint16_t port)
{
	link->port = port;
	snprintf(link->name, sizeof(link->name), "%s", host);
	snprintf(link->address, sizeof(link->address),
	    strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
	    (unsigned)port);
}

static void
on_master(const char *host, uint16_t port, const char *problem, void *arg)
{
	struct redis_link *link = arg;

	if (host == NULL) {
		redis_link_feed(link, REDIS_LINK_EV_FAILED, problem);
		return;
	}
	set_address(link, host, port);
	redis_resolve_start(link->resolve, host, link->conf.connect_timeout_ms,
	    on_address, link);
}

static void
on_moved(void *arg)
{
	redis_link_feed(arg, REDIS_LINK_EV_FAILED,
	    "the Sentinel says that the master has moved");
}

void
redis_link_resolve(struct redis_link *link)
{
	const struct redis_url *url = &link->conf.url;
	const struct redis_host *host;

	link->began_ms = clock_mono_ms();
	redis_link_wait_ms(link->deadline, link->conf.connect_timeout_ms);
	if (url->path[0] != '\0') {
		snprintf(link->address, sizeof(link->address), "%s", url->path);
		redis_link_feed(link, REDIS_LINK_EV_RESOLVED, NULL);
		return;
	}
	if (link->sentinel != NULL) {
		redis_sentinel_ask(link->sentinel, on_master, link);
		return;
	}
	link->trying = link->host;
	host = &url->hosts[link->host];
	link->host = (link->host + 1) % url->host_count;
	set_address(link, host->name, host->port);
	redis_resolve_start(link->resolve, host->name,
	    link->conf.connect_timeout_ms, on_address, link);
}

struct redis_sentinel *
redis_link_sentinel(struct redis_link *link)
{
	const struct redis_sentinel_conf conf = {
		.url = &link->conf.url,
		.auth = link->conf.sentinel_auth,
		.tls = link->conf.tls,
		.connect_timeout_ms = link->conf.connect_timeout_ms,
		.command_timeout_ms = link->conf.command_timeout_ms,
		.ping_interval_ms = link->conf.ping_interval_ms,
		.backoff_ms = link->conf.backoff_ms,
		.backoff_max_ms = link->conf.backoff_max_ms,
		.on_moved = on_moved,
		.arg = link,
	};

	return redis_sentinel_new(link->base, &conf);
}
