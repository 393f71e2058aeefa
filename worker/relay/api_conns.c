/* SPDX-License-Identifier: ISC */
/*
 * evhttp tells nobody of a new connection but asks for its bufferevent.  That
 * is the moment to count it; one turn of the loop later the bufferevent's
 * callback argument is evhttp's connection, which can tell when it closes.
 * evhttp clears the argument when it frees the bufferevent, and our reference
 * keeps the memory until we have looked.
 */
#include "worker/relay/api_conns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "lib/clock.h"

#define BY_FD_MAX (1 << 20)
#define FRESH_MS  1000u

static const struct timeval at_once = { 0, 0 };

/* Without fds it would be called in a circle: it rests until the next tick. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	evconnlistener_disable(listener);
}

void
api_conns_init(struct api_conns *conns, struct event_base *base,
    struct evconnlistener *listener, uint32_t max)
{
	memset(conns, 0, sizeof(*conns));
	conns->base = base;
	conns->listener = listener;
	conns->max = max;
	conns->accepting = true;
	evconnlistener_set_error_cb(listener, on_accept_error);
	TAILQ_INIT(&conns->idle);
	TAILQ_INIT(&conns->busy);
}

/* The connection that gives way to a new one, if there must be one.  A fresh
 * connection may have its request under way and is let alone for a moment. */
static struct api_conn *
dispensable(const struct api_conns *conns)
{
	struct api_conn *oldest = TAILQ_FIRST(&conns->idle);

	if (oldest == NULL || oldest->evcon == NULL ||
	    clock_mono_ms() - oldest->since_ms < FRESH_MS)
		return NULL;
	return oldest;
}

/* Accepts while there is room or somebody who can give way. */
static void
adjust(struct api_conns *conns)
{
	bool room = conns->count < conns->max || dispensable(conns) != NULL;
	bool accept = room && !conns->closed;

	if (accept == conns->accepting)
		return;
	conns->accepting = accept;
	if (accept)
		evconnlistener_enable(conns->listener);
	else
		evconnlistener_disable(conns->listener);
}

static struct evbuffer *
input_of(const struct api_conn *conn)
{
	return bufferevent_get_input(
	    evhttp_connection_get_bufferevent(conn->evcon));
}

/* evhttp takes a request apart while it comes in and tells only of the whole:
 * that one has begun shows here alone. */
static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct api_conn *conn = arg;

	(void)input;
	if (info->n_added > 0)
		conn->receiving = true;
}

static void
conn_free(struct api_conn *conn)
{
	struct api_conns *conns = conn->conns;

	if (conn->evcon != NULL)
		evbuffer_remove_cb(input_of(conn), on_input, conn);
	if (conn->busy) {
		TAILQ_REMOVE(&conns->busy, conn, link);
		conns->busy_count--;
	} else {
		TAILQ_REMOVE(&conns->idle, conn, link);
	}
	if (conn->fd >= 0 && conn->fd < conns->by_fd_end &&
	    conns->by_fd[conn->fd] == conn)
		conns->by_fd[conn->fd] = NULL;
	conns->count--;
	free(conn);
	adjust(conns);
}

static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	evhttp_connection_set_closecb(evcon, NULL, NULL);
	conn_free(arg);
}

/* Closes it; on_close() is called on the way. */
static void
conn_close(struct api_conn *conn)
{
	evhttp_connection_free(conn->evcon);
}

/* Makes by_fd reach to fd. */
static int
grow(struct api_conns *conns, int fd)
{
	struct api_conn **grown;
	int end = conns->by_fd_end == 0 ? 64 : conns->by_fd_end;

	if (fd < 0 || fd >= BY_FD_MAX)
		return -ERANGE;
	while (end <= fd)
		end *= 2;
	if (end == conns->by_fd_end)
		return 0;
	grown = realloc(conns->by_fd, (size_t)end * sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	memset(grown + conns->by_fd_end, 0,
	    (size_t)(end - conns->by_fd_end) * sizeof(*grown));
	conns->by_fd = grown;
	conns->by_fd_end = end;
	return 0;
}

static void
on_known(evutil_socket_t ignored, short what, void *arg)
{
	struct api_conn *conn = arg;
	void *evcon = NULL;
	int fd;

	(void)ignored;
	(void)what;
	bufferevent_getcb(conn->bev, NULL, NULL, NULL, &evcon);
	fd = bufferevent_getfd(conn->bev);
	bufferevent_decref(conn->bev);
	conn->bev = NULL;
	if (evcon == NULL) {
		conn_free(conn);
		return;
	}
	conn->evcon = evcon;
	evhttp_connection_set_closecb(evcon, on_close, conn);
	if (evbuffer_add_cb(input_of(conn), on_input, conn) == NULL) {
		conn_close(conn);
		return;
	}
	if (grow(conn->conns, fd) != 0) {
		conn_close(conn);
		return;
	}
	conn->fd = fd;
	conn->conns->by_fd[fd] = conn;
	adjust(conn->conns);
}

static void
make_room(struct api_conns *conns)
{
	struct api_conn *oldest;

	if (conns->count < conns->max)
		return;
	oldest = dispensable(conns);
	if (oldest != NULL)
		conn_close(oldest);
}

struct bufferevent *
api_conns_on_new(struct event_base *base, void *arg)
{
	struct api_conns *conns = arg;
	struct api_conn *conn;

	make_room(conns);
	conn = calloc(1, sizeof(*conn));
	if (conn == NULL)
		return NULL; /* evhttp makes one itself, uncounted */
	conn->bev = bufferevent_socket_new(base, -1, 0);
	if (conn->bev == NULL) {
		free(conn);
		return NULL;
	}
	conn->conns = conns;
	conn->fd = -1;
	conn->since_ms = clock_mono_ms();
	bufferevent_incref(conn->bev);
	if (event_base_once(base, -1, EV_TIMEOUT, on_known, conn, &at_once) !=
	    0) {
		struct bufferevent *bev = conn->bev;

		bufferevent_decref(bev);
		free(conn);
		return bev;
	}
	TAILQ_INSERT_TAIL(&conns->idle, conn, link);
	conns->count++;
	adjust(conns);
	return conn->bev;
}

static struct api_conn *
find(const struct api_conns *conns, struct evhttp_request *request)
{
	struct evhttp_connection *evcon;
	int fd;

	evcon = evhttp_request_get_connection(request);
	if (evcon == NULL)
		return NULL;
	fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
	if (fd < 0 || fd >= conns->by_fd_end)
		return NULL;
	return conns->by_fd[fd];
}

void
api_conns_busy(struct api_conns *conns, struct evhttp_request *request)
{
	struct api_conn *conn = find(conns, request);

	if (conn == NULL || conn->busy)
		return;
	TAILQ_REMOVE(&conns->idle, conn, link);
	TAILQ_INSERT_TAIL(&conns->busy, conn, link);
	conn->busy = true;
	conns->busy_count++;
	adjust(conns);
}

void
api_conns_idle(struct api_conns *conns, struct evhttp_request *request)
{
	struct api_conn *conn = find(conns, request);

	if (conn == NULL || !conn->busy)
		return;
	TAILQ_REMOVE(&conns->busy, conn, link);
	TAILQ_INSERT_TAIL(&conns->idle, conn, link);
	conn->busy = false;
	/* of the next request, if the peer does not wait for the reply */
	conn->receiving = evbuffer_get_length(input_of(conn)) > 0;
	conn->since_ms = clock_mono_ms();
	conns->busy_count--;
	adjust(conns);
}

void
api_conns_tick(struct api_conns *conns, uint64_t idle_ms)
{
	uint64_t now_ms = clock_mono_ms();
	struct api_conn *conn, *next;

	for (conn = TAILQ_FIRST(&conns->idle); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (now_ms - conn->since_ms < idle_ms)
			break;
		if (conn->evcon != NULL)
			conn_close(conn);
	}
	adjust(conns);
	/* an accept() without fds had it disabled */
	if (conns->accepting)
		evconnlistener_enable(conns->listener);
}

void
api_conns_stop_accepting(struct api_conns *conns)
{
	conns->closed = true;
	adjust(conns);
}

void
api_conns_accept_again(struct api_conns *conns)
{
	conns->closed = false;
	adjust(conns);
}

/* Would a close cut a request or a reply off? */
static bool
is_in_use(const struct api_conn *conn)
{
	struct bufferevent *bev;
	int unread = 0;

	if (conn->evcon == NULL || conn->receiving)
		return true;
	bev = evhttp_connection_get_bufferevent(conn->evcon);
	if (evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return true;
	return ioctl(conn->fd, FIONREAD, &unread) == 0 && unread > 0;
}

void
api_conns_part(struct api_conns *conns)
{
	uint64_t now_ms = clock_mono_ms();
	struct api_conn *conn, *next;

	for (conn = TAILQ_FIRST(&conns->idle); conn != NULL; conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (now_ms - conn->since_ms >= FRESH_MS && !is_in_use(conn))
			conn_close(conn);
	}
}

void
api_conns_set_max(struct api_conns *conns, uint32_t max)
{
	conns->max = max;
	adjust(conns);
}
