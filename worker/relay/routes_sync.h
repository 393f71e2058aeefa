/* SPDX-License-Identifier: ISC */
/*
 * Compares all routes of this node in Redis with the tables: first what Redis
 * has (registrations of clients that are not here any more, from an earlier
 * life of the node as well), then what the tables have.  Done after everything
 * that may have made them differ: a new link, another Redis behind it, a flush,
 * events that were missed, a new relay.  Bounded in rate; may begin anew at any
 * time, and ends with Redis and the tables saying the same.
 */
#ifndef HOLDFAST_RELAY_ROUTES_SYNC_H
#define HOLDFAST_RELAY_ROUTES_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "lib/redis_link.h"

struct routes;

struct routes_sync {
	struct routes *routes; /* borrowed: it is a part of it */
	struct event *step;    /* owned; runs while it compares */
	bool again;	       /* asked for while it was running */
	bool later;	  /* Redis could not take it: again after a pause */
	bool skipped;	  /* something was left out; likewise */
	bool waits;	  /* for what it has asked for so far */
	uint32_t stuck;	  /* tries at the record that is next */
	bool is_scanning; /* a reply to HSCAN is owed */
	bool is_asking;	  /* one to GET of the mark */
	bool told_later;
	uint32_t number;  /* of the comparison */
	uint32_t scan_of; /* the one that asked for what is owed */
	uint32_t mark_of;
	char cursor[24];
	char mark[20];
	uint32_t slot; /* where the walk over the tables stands */
	uint32_t rec;
	uint64_t done; /* routes that were looked at */
	int64_t allowance;
	uint64_t stepped_us;
	uint64_t started_ms;
};

int routes_sync_start(struct routes_sync *, struct routes *)
    __attribute__((warn_unused_result));
void routes_sync_link(struct routes_sync *, bool is_up);
void routes_sync_begin(struct routes_sync *, const char *why);
/* Are all connections of this node still to be compared? */
bool routes_sync_is_before_walk(const struct routes_sync *);
/* Something could not be written for now. */
void routes_sync_later(struct routes_sync *, enum redis_fault);
/* A record that stayed busy was left out. */
void routes_sync_skipped(struct routes_sync *);
/* Something was refused, and is as it was: nothing more is done about it, but
 * that what an earlier life has left counts as there. */
void routes_sync_failed(struct routes_sync *);
/* Removes the mark: whose routes are there is known no more. */
int routes_sync_unmark(struct routes_sync *, redis_link_cb *, void *arg)
    __attribute__((warn_unused_result));
bool routes_sync_is_done(const struct routes_sync *);
void routes_sync_tick(struct routes_sync *);

#endif
