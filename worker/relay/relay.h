/* SPDX-License-Identifier: ISC */
/*
 * The relay of a node: it maps the table of every gateway slot,
 * delivers through rings what the HTTP API and the operator send, and sees to
 * it that a client id is connected once.  struct relay is all that a tenant
 * knows privately; a relay that dies costs the HTTP requests in flight and no
 * client connection.  Modules: shards (tables and rings), ring_up (what
 * gateways report), rivals (the newest connection wins), delivery (messages
 * and their receipts), operator (requests of holdfastctl), api* (HTTP),
 * backplane (links to Redis, when there is a fleet), routes* (what Redis knows
 * of this node's clients), push* (what comes by this node's channel), inbox*
 * (and by its stream), canary (whether anything can), changeover (of one
 * relay to the next), forward (dispatches to other nodes' clients), ingress
 * (clients' messages to Redis), farewell (when the node stops).
 */
#ifndef HOLDFAST_RELAY_RELAY_H
#define HOLDFAST_RELAY_RELAY_H

#include <stdint.h>

#include "worker/relay/api.h"
#include "worker/relay/backplane.h"
#include "worker/relay/canary.h"
#include "worker/relay/changeover.h"
#include "worker/relay/delivery.h"
#include "worker/relay/drain_renewal.h"
#include "worker/relay/farewell.h"
#include "worker/relay/inbox.h"
#include "worker/relay/ingress.h"
#include "worker/relay/lease.h"
#include "worker/relay/pushes.h"
#include "worker/relay/reach.h"
#include "worker/relay/ring_up.h"
#include "worker/relay/rivals.h"
#include "worker/relay/routes.h"
#include "worker/relay/shards.h"
#include "worker/worker.h"

enum relay_phase {
	RELAY_SERVES,
	/* It leaves, in this order: */
	RELAY_ENDS_CALLS,  /* of its API; all the rest goes on */
	RELAY_AWAITS_MARK, /* where the channel is to end */
	RELAY_PARTS,	   /* stream, clients' messages, receipts */
};

struct relay {
	struct worker *worker; /* borrowed: the frame's */
	struct shards shards;
	struct delivery delivery;
	struct reach reach;
	struct rivals rivals;
	struct ring_up ring_up[SLOT_MAX_WORKERS];
	struct api api;
	struct backplane backplane;
	struct routes routes;
	struct lease lease;
	struct drain_renewal drain_renewal;
	struct inbox inbox;
	struct canary canary;
	struct pushes pushes;
	struct changeover changeover;
	struct ingress ingress;
	struct farewell farewell;
	size_t forward_bytes; /* of documents for other nodes, see forward.h */
	const char *receipt_row; /* borrowed while such a receipt is told */
	struct event *tick;	 /* owned; once a second */
	struct event *rebind;	 /* owned; runs while a slot is stale */
	struct event *leave;	 /* owned; runs while it takes leave */
	bool stale[SLOT_MAX_WORKERS]; /* its fds have changed */
	enum relay_phase phase;
	uint64_t phase_since_ms; /* while leave runs */
	bool is_giving;		 /* it leaves the slot to another keeper */
};

extern const struct worker_ops relay_ops;

/* A slot whose gateway has gone: what it still had to say, then no more. */
void relay_drop_slot(struct relay *, uint32_t slot);

static inline struct counters *
relay_counters(struct relay *relay)
{
	return &relay->worker->slot->counters;
}

#endif
