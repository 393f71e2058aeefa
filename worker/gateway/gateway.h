/* SPDX-License-Identifier: ISC */
/*
 * The gateway: one slot's client connections.  struct gateway is what a tenant
 * knows privately; everything that must outlive it is in the table and the
 * arena.  Modules: accept (new connections, admission), handshake, input
 * (frames to messages), output (bytes to the client), conn (events, closing,
 * death), heartbeat, deliver (ring from the relay), upstream (messages
 * to it), step (the journal) and adopt (what the tenant before left behind).
 */
#ifndef HOLDFAST_GATEWAY_GATEWAY_H
#define HOLDFAST_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/timer_wheel.h"
#include "lib/token_bucket.h"
#include "proto/arena.h"
#include "proto/ring.h"
#include "proto/table.h"
#include "worker/gateway/step.h"
#include "worker/gateway/turn_away.h"
#include "worker/gateway/upstream.h"
#include "worker/gateway/ws_deflate.h"
#include "worker/worker.h"

#define GATEWAY_LISTENER_TAG 0xffffff00u /* epoll data below it: records */
#define GATEWAY_LINGER_MS    2000u

struct gateway_listener {
	int fd; /* borrowed: the slot's directory; -1: none */
	uint16_t port;
	bool watched; /* EPOLLIN is registered */
};

struct gateway {
	struct worker *worker;
	struct slot_header *slot;
	struct table table;
	struct arena *arena; /* owned */
	struct ring up;
	struct ring down;
	struct upstream upstream;
	struct timer_wheel wheel;
	struct ws_deflate *deflate; /* owned */
	uint8_t *message;	    /* owned: a message being put together */
	size_t message_cap;
	struct step_work work;

	int epoll_fd; /* the slot's */
	struct gateway_listener listeners[SLOT_MAX_LISTENERS];
	struct event *on_ready;
	struct event *on_down;
	struct event *on_tick;
	struct event *on_accept_again;
	struct event *on_lazy_wake;

	/* time, read once a batch */
	uint64_t now_us;
	uint32_t now_ms;
	/* from the settings */
	struct token_rate handshake_rate, message_rate, byte_rate;
	/* accepting */
	bool accept_paused;
	bool draining;
	struct turn_away turn_away;
	uint32_t share_pauses;	      /* in a row */
	uint64_t rate_short_since_us; /* 0: the bucket has tokens */
	uint64_t rate_short_us;	      /* when it last had too few */

	/* drain of this slot */
	bool drain_active, drain_leave, drain_told;
	bool drain_cut; /* without close handshakes */
	uint16_t drain_code;
	uint32_t drain_hint_ms; /* over which clients should come back */
	uint32_t drain_next;	/* record to be looked at */
	uint32_t drain_left;	/* open, when counted last, less those closed */
	uint32_t drain_closed;
	uint64_t drain_end_us;
	uint64_t drain_due_us;	 /* of the next close */
	uint64_t drain_count_us; /* when they are counted again */
	bool leaving;
	bool down_waits; /* deliveries wait for room in the ring up */
	bool up_dirty;	 /* entries were put since the last wake */
	bool up_urgent;	 /* and somebody waits for them */
	uint32_t open;	 /* connections past 101 */
	uint32_t held;	 /* and those that have a token to get there */

	/* adoption */
	uint8_t *known_fds; /* owned, a bitmap; only while starting */
	uint32_t known_max;
	int *orphans; /* owned; only while starting */
	uint32_t orphan_count;
	uint64_t broadcast_sent;
};

extern const struct worker_ops gateway_ops;

/* Reads the clocks; once a batch of events. */
void gateway_clock(struct gateway *);

/* Publishes the slot's counts to the node. */
void gateway_publish(struct gateway *);

/* A route event or receipt for the relay.  urgent: wake it after this batch. */
void gateway_tell_route(struct gateway *, uint16_t kind, uint32_t rec,
    const struct record_body *);
void gateway_wake_up(struct gateway *);

/* Everything that depends on settings. */
void gateway_apply_settings(struct gateway *);

static inline struct counters *
gateway_counters(struct gateway *g)
{
	return &g->slot->counters;
}

#endif
