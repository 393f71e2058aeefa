/* SPDX-License-Identifier: ISC */
/*
 * Accepting, see accept.h.  A connection that is accepted belongs to the slot
 * from that instant: a tenant that dies between accept4() and the record
 * leaves an fd which its successor recognises (adopt.c).
 */
#include "worker/gateway/accept.h"

#include <sys/epoll.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/gateway/admission.h"
#include "worker/gateway/gateway.h"
#include "worker/gateway/heartbeat.h"

#define ACCEPT_BATCH	 64
#define REST_MAX	 65536u
#define SHARE_PAUSE_US	 5000
#define SHARE_PAUSES	 4u /* in a row; then accept a batch all the same */
#define TROUBLE_PAUSE_US 100000

static void
accept_interest(struct gateway *g, uint32_t i, int op, uint32_t events)
{
	struct epoll_event ev = {
		.events = events,
		.data.u64 = GATEWAY_LISTENER_TAG + i,
	};

	if (epoll_ctl(g->epoll_fd, op, g->listeners[i].fd, &ev) != 0 &&
	    (op != EPOLL_CTL_ADD || errno != EEXIST ||
		epoll_ctl(g->epoll_fd, EPOLL_CTL_MOD, g->listeners[i].fd,
		    &ev) != 0))
		log_error("listener_watch_failed", NULL, log_errno(errno),
		    log_uint("listener", i));
	g->listeners[i].watched = events != 0;
}

void
accept_watch(struct gateway *g)
{
	for (uint32_t i = 0; i < SLOT_MAX_LISTENERS; i++)
		if (g->listeners[i].fd >= 0 && !g->listeners[i].watched)
			accept_interest(g, i, EPOLL_CTL_ADD, EPOLLIN);
}

void
accept_unwatch(struct gateway *g, uint32_t listener, int fd)
{
	(void)epoll_ctl(g->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	g->listeners[listener] = (struct gateway_listener){ .fd = -1 };
}

static void
accept_pause(struct gateway *g, uint64_t us, enum counter why)
{
	struct timeval tv = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000),
	};

	counter_add(gateway_counters(g), why, 1);
	g->accept_paused = true;
	for (uint32_t i = 0; i < SLOT_MAX_LISTENERS; i++)
		if (g->listeners[i].fd >= 0 && g->listeners[i].watched)
			accept_interest(g, i, EPOLL_CTL_MOD, 0);
	(void)event_add(g->on_accept_again, &tv);
}

void
accept_resume(struct gateway *g)
{
	g->accept_paused = false;
	for (uint32_t i = 0; i < SLOT_MAX_LISTENERS; i++)
		if (g->listeners[i].fd >= 0 && !g->listeners[i].watched)
			accept_interest(g, i, EPOLL_CTL_MOD, EPOLLIN);
}

/* Long-lived connections never rebalance by themselves. */
static bool
accept_is_over_share(struct gateway *g)
{
	struct node_shared *n = g->worker->node.shared;
	uint32_t slots = 0, total = 0, mine = 0;

	for (uint32_t i = 0; i < n->slots && i < SLOT_MAX_WORKERS; i++) {
		uint32_t c;

		if (!atomic_load_explicit(&n->slot[i].accepting,
			memory_order_relaxed))
			continue;
		c = atomic_load_explicit(&n->slot[i].connections,
		    memory_order_relaxed);
		if (i == g->worker->slot_no)
			mine = c;
		total += c;
		slots++;
	}
	if (slots < 2)
		return false;
	return mine > total / slots + total / slots / 16 + 16;
}

static bool
accept_is_awaited(const struct gateway *g, uint32_t listener)
{
	struct pollfd p = { .fd = g->listeners[listener].fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* May a connection be taken out of the backlog now?  While the node is over its
 * handshake rate they wait there, for up to the configured time; after that
 * they are accepted to be refused. */
static bool
accept_rate_allows(struct gateway *g, uint32_t listener)
{
	uint64_t queue_us = g->worker->settings.admission.queue_ms * 1000;
	struct token_rate rate = admission_rate(g);
	uint64_t wait_ns = token_bucket_wait_ns(
	    atomic_load_explicit(&g->worker->node.shared->handshake_tat,
		memory_order_relaxed),
	    &rate, g->now_us * 1000, 1);

	if (wait_ns == 0)
		return true;
	/* The one before took the last token, and nobody is short of it. */
	if (!accept_is_awaited(g, listener)) {
		g->rate_short_since_us = 0;
		return false;
	}
	g->rate_short_us = g->now_us;
	if (g->rate_short_since_us == 0)
		g->rate_short_since_us = g->now_us;
	if (g->now_us - g->rate_short_since_us >= queue_us)
		return true;
	wait_ns = wait_ns < queue_us * 1000 ? wait_ns : queue_us * 1000;
	accept_pause(g, wait_ns / 1000 + 1, COUNTER_ACCEPT_PAUSED_RATE);
	return false;
}

int
accept_take(struct gateway *g, uint32_t listener, int fd,
    const struct sockaddr *sa, bool admitted)
{
	struct step_work *w;
	struct ipaddr addr;
	uint32_t rec, gen;
	int rc = table_take_free(&g->table, &rec);

	if (rc == -ENOSPC) {
		turn_away(g, fd);
		return rc;
	}
	if (rc == 0)
		rc = ipaddr_from_sockaddr(sa, &addr, &(uint16_t){ 0 });
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	/* A record's first use: zero bytes would read as an armed timer. */
	timer_wheel_reset(&g->wheel, rec);
	w = step_begin(g, STEP_ACCEPT, rec);
	gen = w->body.gen + 1;
	memset(&w->body, 0, sizeof(w->body));
	g->slot->step.given_base = 0; /* not that of who was here before */
	w->body.gen = gen;
	w->body.fd = fd;
	w->body.state = RECORD_HANDSHAKE;
	w->body.listener = (uint8_t)listener;
	(void)ipaddr_from_sockaddr(sa, &addr, &w->body.port);
	memcpy(w->body.addr, addr.bytes, sizeof(w->body.addr));
	w->body.established_us = clock_real_us();
	w->body.seen_ms = g->now_ms;
	if (admitted)
		w->body.flags |= RECORD_ADMITTED;
	if (!admission_is_proxy(g, w->body.addr))
		admission_count(g, w);
	step_commit(g);
	step_interest(g, rec, &w->body, EPOLL_CTL_ADD);
	step_end(g);
	counter_add(gateway_counters(g), COUNTER_ACCEPTED, 1);
	heartbeat_arm(g, rec);
	gateway_publish(g);
	return 0;
}

/* One connection; false: stop accepting for now. */
static bool
accept_one(struct gateway *g, uint32_t listener)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd, rc;

	if (!accept_rate_allows(g, listener))
		return false;
	fd = accept4(g->listeners[listener].fd, (struct sockaddr *)&sa, &len,
	    SOCK_NONBLOCK);
	if (fd < 0) {
		rc = -errno;
		if (rc == -EAGAIN) {
			g->rate_short_since_us = 0;
			return false;
		}
		if (rc == -ECONNABORTED || rc == -EINTR || rc == -EPROTO)
			return true;
	} else {
		struct token_rate rate = admission_rate(g);

		rc = accept_take(g, listener, fd, (struct sockaddr *)&sa,
		    token_bucket_take_shared(
			&g->worker->node.shared->handshake_tat, &rate,
			g->now_us * 1000, 1));
	}
	if (rc == 0 || rc == -ENOSPC) /* -ENOSPC: it was told 503 */
		return true;
	counter_add(gateway_counters(g), COUNTER_ACCEPT_ERRORS, 1);
	log_warn("accept_failed", "new connections wait in the backlog",
	    log_errno(rc));
	accept_pause(g, TROUBLE_PAUSE_US, COUNTER_ACCEPT_PAUSED_MEMORY);
	return false;
}

/* This slot alone is being emptied: new connections are for the others. */
static bool
accept_is_for_others(const struct gateway *g)
{
	const struct node_shared *n = g->worker->node.shared;

	return g->draining && n->slots > 1 &&
	    atomic_load_explicit(&n->draining, memory_order_relaxed) == 0;
}

void
accept_on_ready(struct gateway *g, uint32_t listener)
{
	if (g->accept_paused || listener >= SLOT_MAX_LISTENERS ||
	    g->listeners[listener].fd < 0)
		return;
	if (accept_is_for_others(g)) {
		accept_pause(g, TROUBLE_PAUSE_US, COUNTER_ACCEPT_PAUSED_SHARE);
		return;
	}
	if (g->share_pauses < SHARE_PAUSES && accept_is_over_share(g)) {
		g->share_pauses++;
		accept_pause(g, SHARE_PAUSE_US, COUNTER_ACCEPT_PAUSED_SHARE);
		return;
	}
	g->share_pauses = 0;
	for (int i = 0; i < ACCEPT_BATCH; i++)
		if (!accept_one(g, listener))
			return;
}

void
accept_rest(struct gateway *g, uint32_t listener)
{
	if (g->draining)
		return;
	for (uint32_t i = 0; i < REST_MAX && accept_one(g, listener); i++)
		if (i % ACCEPT_BATCH == 0)
			worker_beat(g->worker);
}
