/* SPDX-License-Identifier: ISC */
/*
 * From start to stop: when the node is ready, how it is drained, in which
 * order its slots end.  Close frames first, then the gateways, then the relay;
 * lifecycle_end.c has the end of that.
 * What a drain needs to go on is kept in the node's memfd.
 */
#ifndef HOLDFAST_SUPERVISOR_LIFECYCLE_H
#define HOLDFAST_SUPERVISOR_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "supervisor/drain_plan.h"

struct supervisor;
struct slot;

enum lifecycle_state {
	LIFECYCLE_STARTING,
	LIFECYCLE_READY,
	LIFECYCLE_LEAVING,  /* not ready, but accepting: drain.lb_wait */
	LIFECYCLE_DRAINING, /* closes are spread; may end in a stop */
	LIFECYCLE_CLOSING,  /* close frames at once, then stop */
	LIFECYCLE_STOPPING, /* workers are told to end */
	LIFECYCLE_STATE_MAX
};

/* Steps of LIFECYCLE_STOPPING, see lifecycle_end.c. */
enum lifecycle_end {
	LIFECYCLE_END_CUT,	/* what is left of connections ends */
	LIFECYCLE_END_GATEWAYS, /* they do */
	LIFECYCLE_END_PART,	/* the relay sends what it has */
	LIFECYCLE_END_RELAY,	/* and ends, and so do we */
};

struct lifecycle {
	enum lifecycle_state state;
	enum lifecycle_end end;
	bool restored;	  /* from the node's memory, by lifecycle_restore() */
	bool empty;	  /* a drain without a stop has ended */
	bool cut;	  /* it is past its deadline */
	bool is_verdict;  /* it ends when the node is not cut off */
	uint32_t cut_off; /* connections that were left then */
	/* drain_lease.c */
	enum drain_lease lease;
	uint64_t paused_left_ms; /* of the window */
	uint64_t lease_until_ms; /* a node that stops waits no longer */
	struct drain_words drain;
	struct event *deadline; /* owned */
};

int lifecycle_init(struct supervisor *sup);
void lifecycle_clear(struct supervisor *sup);

/* Goes on with the drain that the node's memfd tells of, if any: once, after
 * lifecycle_init(), when those slots that live are ours again. */
void lifecycle_restore(struct supervisor *sup);

/* The plan of a drain that would begin, or change its pace, now. */
struct drain_plan lifecycle_plan(const struct supervisor *sup,
    struct drain_request request);
/* Not ready for lb_wait, then refuse new connections and close all, spread
 * over the window; stay.  A drain under way takes the new pace.  -EBUSY: the
 * node stops. */
int lifecycle_drain(struct supervisor *sup, const struct drain_request *);
/* Serve again; -EALREADY when nothing is being drained, -EBUSY when it ends in
 * a stop. */
int lifecycle_undrain(struct supervisor *sup);
/* graceful: drain (one under way has drain.window at most), then stop; asked
 * twice, or not graceful: close frames at once, and stop within seconds. */
void lifecycle_stop(struct supervisor *sup, bool graceful);

/* Cut off from the fleet, or no longer: are new connections refused? */
void lifecycle_apply_fleet(struct supervisor *sup);

/* A slot serves (again): it is told of a drain under way. */
void lifecycle_slot_up(struct supervisor *sup, struct slot *slot);
/* A slot's state changed, or it has drained. */
void lifecycle_slot_changed(struct supervisor *sup);

/* One line for the service manager, when it changes. */
void lifecycle_tell_status(const struct supervisor *sup);

bool lifecycle_is_draining(const struct supervisor *sup);
const char *lifecycle_state_name(enum lifecycle_state state);

#endif
