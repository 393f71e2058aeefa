/* SPDX-License-Identifier: ISC */
/*
 * Asks a node's peer port whether it lives: one connection, one line, one
 * deadline.
 */
#ifndef HOLDFAST_FLEET_PEER_PROBE_H
#define HOLDFAST_FLEET_PEER_PROBE_H

#include <stdint.h>

#include <event2/event.h>

#include "proto/peer_line.h"

enum peer_probe_result {
	PEER_PROBE_ANSWERED,
	PEER_PROBE_REFUSED, /* the host lives, nobody listens there */
	PEER_PROBE_SILENT,  /* no packet came back */
	PEER_PROBE_ERROR,   /* nonsense, or our own limits: says nothing */
	PEER_PROBE_RESULT_MAX
};

/* line: what it said, with PEER_PROBE_ANSWERED. */
typedef void peer_probe_cb(enum peer_probe_result result,
    const struct peer_line *line, void *arg);

struct peer_probe;

/* Calls back once, never before it returns; *out is good until then.  -errno:
 * it could not even begin, and there is no call. */
int peer_probe_start(struct event_base *base, const char *address,
    uint16_t port, uint64_t timeout_ms, peer_probe_cb *cb, void *arg,
    struct peer_probe **out);
/* Without a call. */
void peer_probe_cancel(struct peer_probe *probe);

const char *peer_probe_result_name(enum peer_probe_result result);

#endif
