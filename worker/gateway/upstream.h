/* SPDX-License-Identifier: ISC */
/*
 * Clients' messages on their way to Redis (upstream.mode "stream"): each is put
 * in the ring in, which the relay empties once Redis has it.  A message goes
 * there before its bytes are taken from the kernel: a tenant that dies in
 * between puts it there once more, with the same (connection, seq).  While the
 * ring has no room the sockets that bring messages are not read; control frames
 * in front of them are.
 */
#ifndef HOLDFAST_GATEWAY_UPSTREAM_H
#define HOLDFAST_GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "proto/ring.h"

struct gateway;
struct step_work;

struct upstream {
	struct ring in;	       /* shared NULL: not there */
	struct event *on_room; /* owned; runs while clients wait for room */
	bool dirty;	       /* entries were put since the last wake */
	bool held;	       /* clients may wait for room */
	bool failed;   /* the ring could not be made, and that is told */
	uint32_t next; /* record to be looked at for that */
	uint32_t wait_ms;
};

bool upstream_is_stream(const struct gateway *);

/* Makes and maps the ring when the mode asks for it.  Again and again, for
 * memory may have been short. */
void upstream_apply(struct gateway *);

/* Of the current step: may input that goes on with this byte be used? */
bool upstream_may_take(const struct gateway *, const struct step_work *,
    uint8_t byte);
/* Are messages still taken from a client that we are closing? */
bool upstream_takes_last(const struct gateway *, const struct step_work *);
void upstream_put(struct gateway *, struct step_work *, uint8_t opcode,
    const uint8_t *p, size_t n);
/* The current step's first n bytes are dealt with: takes them from the kernel,
 * where they were only looked at. */
void upstream_settle(struct gateway *, struct step_work *, uint32_t n);

/* Tells the relay; at the end of a batch. */
void upstream_wake(struct gateway *);

/* Some clients may wait for room. */
void upstream_hold(struct gateway *);
void upstream_on_room(evutil_socket_t, short what, void *g);

#endif
