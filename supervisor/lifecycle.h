/* SPDX-License-Identifier: ISC */
/*
 * From start to stop: when the node is ready, how it is drained, in which
 * order its slots end.  Close frames first, then the gateways, then the relay.
 */
#ifndef HOLDFAST_SUPERVISOR_LIFECYCLE_H
#define HOLDFAST_SUPERVISOR_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

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

struct lifecycle {
	enum lifecycle_state state;
	bool stops_after; /* a drain that ends in a stop */
	bool empty;	  /* a drain without a stop has ended */
	uint32_t close_code;
	uint64_t until_ms;
	struct event *deadline; /* owned */
};

int lifecycle_init(struct supervisor *sup);
void lifecycle_clear(struct supervisor *sup);

/* Not ready for drain.lb_wait, then refuse new connections and close all,
 * spread over drain.window; stay. */
void lifecycle_drain(struct supervisor *sup);
/* Serve again; -EALREADY when nothing is being drained, -EBUSY when it ends in
 * a stop. */
int lifecycle_undrain(struct supervisor *sup);
/* graceful: drain, then stop; asked twice: at once.  Otherwise close frames at
 * once, and stop within seconds. */
void lifecycle_stop(struct supervisor *sup, bool graceful);

/* A slot serves (again): it is told of a drain under way. */
void lifecycle_slot_up(struct supervisor *sup, struct slot *slot);
/* A slot's state changed, or it has drained. */
void lifecycle_slot_changed(struct supervisor *sup);

/* One line for the service manager, when it changes. */
void lifecycle_tell_status(const struct supervisor *sup);

bool lifecycle_is_draining(const struct supervisor *sup);
const char *lifecycle_state_name(enum lifecycle_state state);

#endif
