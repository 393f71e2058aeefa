/* SPDX-License-Identifier: ISC */
/*
 * Makes Redis say of this node's clients what the tables say.  Whoever hears
 * that a client has come or gone calls routes_touch(); what is then written
 * follows from a look into the tables, so that it does not matter how often,
 * how late or in which order that is said.  One operation per client is under
 * way at a time.  Nobody waits for it: what cannot be written now, because
 * Redis is away, slow or full, is found by the comparison of routes_sync.c.
 */
#ifndef HOLDFAST_RELAY_ROUTES_H
#define HOLDFAST_RELAY_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "lib/hash.h"
#include "worker/relay/route_claim.h"
#include "worker/relay/routes_sync.h"

#define ROUTES_MAX_OPS 32768u /* a power of two */
/* All nodes of a fleet may do this at once, and Redis takes one after another:
 * what is under way of all of them has to be done within a deadline. */
#define ROUTES_IN_FLIGHT 256u
#define ROUTES_WHEN_SLOW 16u   /* while a reply is late */
#define ROUTES_ROOM	 4096u /* that may be queued by who can wait */
#define ROUTES_NONE	 UINT32_MAX

struct route_op {
	struct route_claim claim; /* holds the client id from the beginning */
	uint32_t next_in_bucket;
	uint32_t next;	/* in the queue, or of the free ones */
	uint32_t epoch; /* of the routes, when it was asked for */
	uint32_t tries; /* that met a record which is being written */
	bool is_under_way;
	bool again; /* touched meanwhile */
};

struct routes {
	struct relay *relay;  /* borrowed */
	struct route_op *ops; /* owned; NULL: standalone */
	uint32_t *buckets;    /* owned */
	struct event *pump;   /* owned */
	struct hash_key key;
	uint32_t used;	      /* ops below were in use once */
	uint32_t first_free;  /* of them */
	uint32_t first, last; /* of the queue */
	uint32_t queued;
	uint32_t under_way;
	uint32_t epoch;	   /* routes_mark()s */
	uint32_t unmarked; /* operations from before the last of them */
	uint64_t told_ms;  /* of a route that failed */
	bool is_up;
	bool is_unmarked; /* the node's mark is gone, or on its way */
	struct routes_sync sync;
};

/* 0 or -ENOMEM.  Without redis.url nothing here does anything. */
int routes_start(struct routes *, struct relay *)
    __attribute__((warn_unused_result));

/* The link to Redis has come up or gone down. */
void routes_link(struct routes *, bool is_up);

/* A connection of this client has opened or ended here. */
void routes_touch(struct routes *, const char *client, size_t len);
/* Touches that may wait: false when there is little room left for others. */
bool routes_has_room(const struct routes *);
/* Draws a line; is all done that was asked for before the last one?  What comes
 * meanwhile, from clients that never stop coming and going, does not count. */
void routes_mark(struct routes *);
bool routes_mark_is_reached(const struct routes *);

/* Events may have been missed: everything is compared with the tables. */
void routes_resync(struct routes *, const char *why);
/* Word of newer connections elsewhere may have been missed; by now it comes. */
void routes_heard(struct routes *);

/* Another node's connection of this client was established then: the one of
 * this node is closed if it gives way. */
void routes_replaced(struct routes *, const char *client, size_t len,
    const char *by_node, uint64_t established_ms);

/* The node stops, and its connections have ended: are its routes gone, or
 * cannot be?  Then its mark is removed as well. */
bool routes_have_parted(struct routes *);
/* Operations that wait or are under way: at the end, those that could not be
 * done, as far as is known. */
uint32_t routes_left(const struct routes *);

/* Once a second. */
void routes_tick(struct routes *);

#endif
