/* SPDX-License-Identifier: ISC */
/*
 * A drain and the fleet's permission for it as a [STATE][EVENT] table of next
 * state and action.  Pure.  proto/node_drain.h has the states, which operators
 * are shown too.
 */
#ifndef HOLDFAST_SUPERVISOR_DRAIN_LEASE_FSM_H
#define HOLDFAST_SUPERVISOR_DRAIN_LEASE_FSM_H

#include "proto/node_drain.h"

enum drain_lease_event {
	DRAIN_LEASE_EV_SEEK,	  /* the closes could begin */
	DRAIN_LEASE_EV_FREE,	  /* ... and nobody has to be asked */
	DRAIN_LEASE_EV_IMPATIENT, /* ... and a node that stops has asked for */
				  /* long enough */
	DRAIN_LEASE_EV_GRANTED,
	DRAIN_LEASE_EV_OVER,  /* it has not been renewed in time */
	DRAIN_LEASE_EV_FORCE, /* somebody wants it whatever the fleet says */
	DRAIN_LEASE_EV_STOP,  /* it will end in a stop */
	DRAIN_LEASE_EV_NOW,   /* everybody at once, and then a stop */
	DRAIN_LEASE_EV_END,   /* undone */
	DRAIN_LEASE_EVENT_MAX
};

enum drain_lease_action {
	DRAIN_LEASE_ACT_NONE,
	DRAIN_LEASE_ACT_UNEXPECTED, /* cannot be, or too late: ignore */
	DRAIN_LEASE_ACT_ASK,
	DRAIN_LEASE_ACT_CLOSE,	  /* begin to */
	DRAIN_LEASE_ACT_UNLEASED, /* put on record, then the same */
	DRAIN_LEASE_ACT_PAUSE,	  /* stop to close */
	DRAIN_LEASE_ACT_STAY,	  /* paused still: the rest stays the rest */
	DRAIN_LEASE_ACT_RESUME,	  /* close what is left in the rest */
	DRAIN_LEASE_ACTION_MAX
};

struct drain_lease_move {
	enum drain_lease next;
	enum drain_lease_action action;
};

struct drain_lease_move drain_lease_step(enum drain_lease state,
    enum drain_lease_event event);

const char *drain_lease_event_name(enum drain_lease_event event);
const char *drain_lease_action_name(enum drain_lease_action action);

#endif
