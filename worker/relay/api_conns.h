/* SPDX-License-Identifier: ISC */
/*
 * The connections of the HTTP API, which evhttp owns and does not count: how
 * many there are, which wait for a reply, and how long the others have brought
 * no whole request.  At the limit the longest idle one gives way; when none is
 * idle, new ones wait in the kernel.  A relay that leaves ends them one by one,
 * each between two requests.
 */
#ifndef HOLDFAST_RELAY_API_CONNS_H
#define HOLDFAST_RELAY_API_CONNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

struct api_conns;

struct api_conn {
	TAILQ_ENTRY(api_conn) link;
	struct api_conns *conns;
	struct bufferevent *bev;	 /* a reference, until evcon is known */
	struct evhttp_connection *evcon; /* borrowed; NULL: not known yet */
	int fd;
	bool busy;
	bool receiving;	   /* bytes of a request that is not whole yet */
	uint64_t since_ms; /* of the last reply, or of the accept */
};

struct api_conns {
	struct event_base *base;	 /* borrowed */
	struct evconnlistener *listener; /* borrowed */
	/* idle ones, the longest idle first; busy ones */
	TAILQ_HEAD(, api_conn) idle, busy;
	struct api_conn **by_fd; /* owned */
	int by_fd_end;
	uint32_t count;
	uint32_t busy_count;
	uint32_t max;
	bool accepting; /* the listener is enabled */
	bool closed;	/* for good */
};

void api_conns_init(struct api_conns *, struct event_base *,
    struct evconnlistener *, uint32_t max);

/* For evhttp_set_bevcb(), with the conns as argument. */
struct bufferevent *api_conns_on_new(struct event_base *, void *);

/* A whole request has come in, or its reply goes out. */
void api_conns_busy(struct api_conns *, struct evhttp_request *);
void api_conns_idle(struct api_conns *, struct evhttp_request *);

void api_conns_set_max(struct api_conns *, uint32_t max);
void api_conns_stop_accepting(struct api_conns *);
void api_conns_accept_again(struct api_conns *);
/* After api_conns_stop_accepting(), again and again: closes who asks nothing
 * and has no reply to come.  Whoever asked lately is given the time to ask
 * once more: a reply can say that the connection ends, a close cannot. */
void api_conns_part(struct api_conns *);

/* Closes what has been idle for that long; tries to accept again. */
void api_conns_tick(struct api_conns *, uint64_t idle_ms);

#endif
