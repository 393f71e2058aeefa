/* SPDX-License-Identifier: ISC */
/*
 * The gateway's event loop, see gateway.h: libevent watches the slot's epoll
 * set as one fd, and beside it the ring from the relay and a coarse tick.
 */
#include "worker/gateway/gateway.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "proto/ring_messages.h"
#include "worker/gateway/accept.h"
#include "worker/gateway/adopt.h"
#include "worker/gateway/conn.h"
#include "worker/gateway/deliver.h"
#include "worker/gateway/drain.h"
#include "worker/gateway/heartbeat.h"
#include "worker/gateway/upstream.h"
#include "worker/gateway/watch.h"
#include "worker/gateway/ws_frame.h"

#define GATEWAY_EVENTS	512
#define GATEWAY_ROUNDS	4
#define GATEWAY_MESSAGE (2u * SLOT_SCRATCH_IN)
#define LAZY_WAKE_US	10000

void
gateway_clock(struct gateway *g)
{
	g->now_us = clock_mono_us();
	g->now_ms = (uint32_t)(g->now_us / 1000);
}

void
gateway_publish(struct gateway *g)
{
	struct node_slot *s = &g->worker->node.shared->slot[g->worker->slot_no];

	atomic_store_explicit(&s->connections,
	    atomic_load_explicit(&g->slot->live, memory_order_relaxed),
	    memory_order_relaxed);
	atomic_store_explicit(&s->open, g->open, memory_order_relaxed);
	atomic_store_explicit(&s->held, g->held, memory_order_relaxed);
	atomic_store_explicit(&g->slot->arena_used_kib,
	    (uint32_t)(arena_used(g->arena) / 1024), memory_order_relaxed);
}

void
gateway_tell_route(struct gateway *g, uint16_t kind, uint32_t rec,
    const struct record_body *body)
{
	struct ring_route route = {
		.rec = rec,
		.gen = body->gen,
		.established_us = body->established_us,
		.close_code = body->close_code,
	};
	char id[RECORD_ID_MAX + 1];
	struct ring_part parts[2];

	table_id(&g->table, rec, id);
	parts[0] = (struct ring_part){ &route, sizeof(route) };
	parts[1] = (struct ring_part){ id, body->id_len };
	if (ring_put(&g->up, kind, parts, 2, NULL) != 0) {
		counter_add(gateway_counters(g), COUNTER_RING_UP_FULL, 1);
		atomic_fetch_add(&g->slot->resync_wanted, 1);
	}
	g->up_dirty = true;
}

void
gateway_wake_up(struct gateway *g)
{
	const struct timeval lazy = { 0, LAZY_WAKE_US };

	if (!g->up_dirty)
		return;
	if (g->up_urgent || ring_used(&g->up) > RING_UP_BYTES / 4) {
		ring_wake(&g->up);
		g->up_dirty = g->up_urgent = false;
	} else if (!event_pending(g->on_lazy_wake, EV_TIMEOUT, NULL)) {
		(void)event_add(g->on_lazy_wake, &lazy);
	}
}

static void
on_lazy_wake(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;

	(void)fd;
	(void)what;
	g->up_urgent = true;
	gateway_wake_up(g);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct epoll_event ev[GATEWAY_EVENTS];
	struct gateway *g = arg;
	uint64_t began = 0;
	int n;

	(void)what;
	for (int round = 0; round < GATEWAY_ROUNDS; round++) {
		n = epoll_wait(fd, ev, GATEWAY_EVENTS, 0);
		if (n <= 0)
			break;
		gateway_clock(g);
		if (began == 0)
			began = g->now_us;
		for (int i = 0; i < n; i++) {
			uint64_t tag = ev[i].data.u64;
			uint32_t rec = (uint32_t)tag;

			if (rec >= GATEWAY_LISTENER_TAG)
				accept_on_ready(g, rec - GATEWAY_LISTENER_TAG);
			else
				conn_on_event(g, rec, (uint32_t)(tag >> 32),
				    ev[i].events);
		}
		if (n < GATEWAY_EVENTS / 8)
			break;
	}
	worker_beat(g->worker);
	gateway_wake_up(g);
	upstream_wake(g);
	if (began != 0)
		histogram_record(
		    &gateway_counters(g)->histogram[HISTOGRAM_LOOP_LAG_US],
		    clock_mono_us() - began);
}

static void
on_down(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;

	(void)fd;
	gateway_clock(g);
	if (what & EV_READ)
		ring_awake(&g->down);
	deliver_run(g);
	worker_beat(g->worker);
	gateway_wake_up(g);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;

	(void)fd;
	(void)what;
	gateway_clock(g);
	heartbeat_run(g);
	drain_run(g);
	turn_away_run(g);
	if (g->down_waits)
		deliver_run(g);
	upstream_apply(g);
	upstream_wake(g);
	gateway_publish(g);
	worker_beat(g->worker);
	gateway_wake_up(g);
}

static void
on_accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct gateway *g = arg;

	(void)fd;
	(void)what;
	gateway_clock(g);
	accept_resume(g);
}

void
gateway_apply_settings(struct gateway *g)
{
	const struct settings *s = &g->worker->settings;
	uint32_t rate = s->admission.handshakes_per_second;
	uint64_t messages = s->websocket.max_messages_per_second;
	uint64_t bytes = s->websocket.max_bytes_per_second;
	uint32_t slots = g->worker->node.shared->slots;

	g->handshake_rate = token_rate_make(rate,
	    s->admission.burst > 0 ? s->admission.burst : rate / 10 + 1);
	g->message_rate = token_rate_make(messages, messages);
	g->byte_rate = token_rate_make(bytes,
	    bytes > s->websocket.max_message ? bytes :
					       s->websocket.max_message);
	arena_set_limit(g->arena,
	    s->memory.max_arena / (slots > 0 ? slots : 1));
	atomic_store(&g->slot->arena_limit_kib,
	    (uint32_t)(arena_limit(g->arena) / 1024));
	upstream_apply(g);
}

static int
gateway_map_arena(struct gateway *g)
{
	int fd = worker_fd(g->worker, SLOT_FD_ARENA, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fd < 0 ? -EBADF : -errno;
	g->arena = arena_new(fd, (uint64_t)st.st_size, (uint64_t)st.st_size);
	return g->arena == NULL ? -ENOMEM : 0;
}

static void
gateway_find_listeners(struct gateway *g)
{
	for (uint32_t i = 0; i < SLOT_MAX_LISTENERS; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		struct ipaddr addr;

		g->listeners[i].fd = worker_fd(g->worker, SLOT_FD_LISTENER, i);
		if (g->listeners[i].fd < 0 ||
		    getsockname(g->listeners[i].fd, (struct sockaddr *)&sa,
			&len) != 0)
			continue;
		(void)ipaddr_from_sockaddr((struct sockaddr *)&sa, &addr,
		    &g->listeners[i].port);
	}
}

static int
gateway_map_rings(struct gateway *g)
{
	uint32_t slot = g->worker->slot_no;
	int rc = ring_attach(&g->up,
	    worker_fd(g->worker, SLOT_FD_RING_UP, slot),
	    worker_fd(g->worker, SLOT_FD_RING_UP_EVENT, slot));

	if (rc != 0)
		return rc;
	return ring_attach(&g->down,
	    worker_fd(g->worker, SLOT_FD_RING_DOWN, slot),
	    worker_fd(g->worker, SLOT_FD_RING_DOWN_EVENT, slot));
}

static int
gateway_attach(struct worker *worker)
{
	struct gateway *g = calloc(1, sizeof(*g));
	int rc;

	if (g == NULL)
		return -ENOMEM;
	worker->context = g;
	g->worker = worker;
	gateway_clock(g);
	rc = table_attach(&g->table,
	    worker_fd(worker, SLOT_FD_TABLE, SLOT_FD_OWN), 1);
	if (rc != 0)
		return rc;
	g->slot = g->table.header;
	rc = gateway_map_arena(g);
	if (rc == 0)
		rc = gateway_map_rings(g);
	if (rc != 0)
		return rc;
	gateway_find_listeners(g);
	timer_wheel_init(&g->wheel, g->table.records, sizeof(struct record),
	    offsetof(struct record, timer), TIMER_WHEEL_TICK_MS, g->now_ms);
	g->message = malloc(GATEWAY_MESSAGE);
	if (g->message == NULL)
		return -ENOMEM;
	g->message_cap = GATEWAY_MESSAGE;
	rc = ws_deflate_new((int)worker->settings.websocket.compression_level,
	    &g->deflate);
	if (rc != 0)
		return rc;
	gateway_apply_settings(g);
	return adopt_records(g);
}

/* The epoll set is the slot's: the first tenant makes it, or whoever takes the
 * slot over. */
static int
gateway_open_set(struct gateway *g)
{
	g->epoll_fd = worker_fd(g->worker, SLOT_FD_EPOLL, 0);
	if (g->epoll_fd >= 0)
		return 0;
	g->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (g->epoll_fd < 0)
		return -errno;
	return worker_fd_put(g->worker, SLOT_FD_EPOLL, 0, g->epoll_fd);
}

static int
gateway_events(struct gateway *g)
{
	const struct timeval tick = { 0, TIMER_WHEEL_TICK_MS * 1000 };
	struct event_base *base = g->worker->base;

	g->on_ready = event_new(base, g->epoll_fd, EV_READ | EV_PERSIST,
	    on_ready, g);
	g->on_down = event_new(base, g->down.event_fd, EV_READ | EV_PERSIST,
	    on_down, g);
	g->on_tick = event_new(base, -1, EV_PERSIST, on_tick, g);
	g->on_accept_again = event_new(base, -1, 0, on_accept_again, g);
	g->on_lazy_wake = event_new(base, -1, 0, on_lazy_wake, g);
	g->upstream.on_room = event_new(base, -1, 0, upstream_on_room, g);
	if (g->on_ready == NULL || g->on_down == NULL || g->on_tick == NULL ||
	    g->on_accept_again == NULL || g->on_lazy_wake == NULL ||
	    g->upstream.on_room == NULL)
		return -ENOMEM;
	if (event_add(g->on_ready, NULL) != 0 ||
	    event_add(g->on_down, NULL) != 0 ||
	    event_add(g->on_tick, &tick) != 0)
		return -ENOMEM;
	event_active(g->on_down, EV_TIMEOUT, 0);
	return 0;
}

static int
gateway_start(struct worker *worker, Holdfast__Serving *out)
{
	struct gateway *g = worker->context;
	int rc = gateway_open_set(g);

	if (rc == 0)
		rc = gateway_events(g);
	if (rc != 0)
		return rc;
	adopt_connections(g, out);
	/* in case a wake-up died with our predecessor */
	ring_wake(&g->up);
	upstream_hold(g); /* likewise clients that it let wait */
	accept_watch(g);
	atomic_store(&worker->node.shared->slot[worker->slot_no].accepting, 1);
	drain_resume(g);
	return 0;
}

static bool
gateway_knows_fd(struct worker *worker, int fd)
{
	return adopt_knows_fd(worker->context, fd);
}

static bool
gateway_claims_fd(struct worker *worker, int fd)
{
	return adopt_claims_fd(worker->context, fd);
}

static void
gateway_fd_changed(struct worker *worker, enum slot_fd_kind kind,
    uint32_t index, int old_fd)
{
	struct gateway *g = worker->context;

	if (kind != SLOT_FD_LISTENER || index >= SLOT_MAX_LISTENERS)
		return;
	if (old_fd != -1)
		accept_unwatch(g, index, old_fd);
	gateway_find_listeners(g);
	accept_watch(g);
}

static bool
gateway_fd_going(struct worker *worker, enum slot_fd_kind kind, uint32_t index,
    int fd)
{
	struct gateway *g = worker->context;

	if (kind != SLOT_FD_LISTENER || index >= SLOT_MAX_LISTENERS)
		return false;
	gateway_clock(g);
	if (g->listeners[index].fd == fd)
		accept_rest(g, index);
	accept_unwatch(g, index, fd);
	gateway_wake_up(g);
	return true;
}

static void
gateway_settings_changed(struct worker *worker, const struct settings *old)
{
	struct gateway *g = worker->context;

	gateway_apply_settings(g);
	if (old->websocket.ping_interval_ms !=
		worker->settings.websocket.ping_interval_ms ||
	    old->websocket.ping_misses !=
		worker->settings.websocket.ping_misses)
		for (uint32_t i = 0; i < atomic_load(&g->slot->high_water); i++)
			heartbeat_arm(g, i);
}

static void
gateway_message(struct worker *worker, struct message *m)
{
	struct gateway *g = worker->context;

	if (m->kind == MSG_DRAIN)
		drain_on_order(g, (const Holdfast__Drain *)m->body);
}

static int
gateway_each_socket(struct worker *worker, uint32_t from, worker_socket_cb *cb,
    void *arg)
{
	struct gateway *g = worker->context;
	uint32_t high = atomic_load(&g->slot->high_water);
	int rc = 0;

	for (uint32_t i = from; rc == 0 && i < high; i++) {
		const struct record_body *b = &g->table.records[i].body;

		if (b->state != RECORD_FREE && b->fd >= 0)
			rc = cb(i, b->gen, b->fd, arg);
	}
	for (uint32_t i = 0; rc == 0 && i < g->orphan_count; i++)
		rc = cb(RECORD_NONE, 0, g->orphans[i], arg);
	return rc;
}

static void
gateway_orphaned(struct worker *worker)
{
	Holdfast__Drain order = HOLDFAST__DRAIN__INIT;
	struct gateway *g = worker->context;
	uint64_t end_us;

	/* A tenant before us has begun it. */
	if (g->drain_active && g->drain_leave)
		return;
	gateway_clock(g);
	order.close_code = WS_CLOSE_RESTART;
	order.window_ms = worker->settings.drain.window_ms;
	end_us = g->now_us + order.window_ms * 1000;
	if (g->drain_active && g->drain_end_us < end_us)
		order.window_ms = g->drain_end_us > g->now_us ?
		    (g->drain_end_us - g->now_us) / 1000 :
		    0;
	order.has_leave = order.leave = true;
	drain_on_order(g, &order);
}

const struct worker_ops gateway_ops = {
	.kind = SLOT_KIND_GATEWAY,
	.program = "holdfast-gateway",
	.label = 'g',
	.knows_fd = gateway_knows_fd,
	.claims_fd = gateway_claims_fd,
	.attach = gateway_attach,
	.start = gateway_start,
	.fd_changed = gateway_fd_changed,
	.fd_going = gateway_fd_going,
	.settings_changed = gateway_settings_changed,
	.message = gateway_message,
	.orphaned = gateway_orphaned,
	.each_socket = gateway_each_socket,
	.watch = watch_early,
	.watch_rest = watch_rest,
};
