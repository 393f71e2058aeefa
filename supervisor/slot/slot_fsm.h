/* SPDX-License-Identifier: ISC */
/*
 * The life of a slot as the supervisor sees it: a [STATE][EVENT] table of next
 * state and action.  Pure; slot.c feeds it and carries the actions out.
 */
#ifndef HOLDFAST_SLOT_SLOT_FSM_H
#define HOLDFAST_SLOT_SLOT_FSM_H

enum slot_state {
	SLOT_DOWN,	  /* nothing lives, nothing has been tried */
	SLOT_STARTING,	  /* keeper forked, no Hello yet */
	SLOT_HANDSHAKING, /* fds and Start sent, no tenant yet */
	SLOT_ADOPTING,	  /* a tenant takes the slot over */
	SLOT_SERVING,
	SLOT_BACKOFF,	  /* tenant dead, its keeper starts the next one */
	SLOT_STALLED,	  /* tenant is being killed for standing still */
	SLOT_EVACUATING,  /* too many crashes: paced closes, then empty */
	SLOT_KEEPER_LOST, /* the tenant serves on, nobody could restart it */
	SLOT_DYING,	  /* being killed, to be started empty */
	SLOT_WAITING,	  /* nothing lives, starts empty after a pause */
	SLOT_STOPPING,
	SLOT_STOPPED,
	SLOT_AWAITED, /* lives from before us, has not claimed its slot yet */
	SLOT_STATE_MAX
};

enum slot_event {
	SLOT_EV_START,
	SLOT_EV_HELLO,		/* the keeper's Hello was right */
	SLOT_EV_TENANT_STARTED, /* by the keeper, or the tenant's own Hello */
	SLOT_EV_SERVING,
	SLOT_EV_TENANT_EXITED, /* its keeper is alive and will go on */
	SLOT_EV_STALL,	       /* the heartbeat stands still */
	SLOT_EV_CRASHES,       /* too many crashes that nothing explains */
	SLOT_EV_DRAINED,
	SLOT_EV_KEEPER_LOST, /* keeper dead, tenant alive */
	SLOT_EV_GONE,	     /* neither lives, or could not be started */
	SLOT_EV_BROKEN,	     /* the keeper's channel broke */
	SLOT_EV_TIMEOUT,     /* the state's own timer */
	SLOT_EV_STOP,
	SLOT_EV_FOUND, /* something of it lives from before us */
	SLOT_EVENT_MAX
};

enum slot_action {
	SLOT_ACT_NONE,
	SLOT_ACT_UNEXPECTED, /* cannot be, or too late: note and ignore */
	SLOT_ACT_SPAWN,	     /* fork the keeper, arm the start timer */
	SLOT_ACT_SETUP,	     /* send Hello, fds, Start */
	SLOT_ACT_WATCH,	     /* new tenant: watch its heartbeat anew */
	SLOT_ACT_UP,	     /* it serves */
	SLOT_ACT_DEATH,	     /* it died: count */
	SLOT_ACT_ABORT,	     /* SIGABRT now, SIGKILL soon */
	SLOT_ACT_EVACUATE,   /* Drain and leave, arm the evacuation timer */
	SLOT_ACT_LOST,	     /* tell, give the slot to a new keeper */
	SLOT_ACT_REPLACE,    /* try that once more */
	SLOT_ACT_STOP,	     /* Stop to the keeper, arm the stop timer */
	SLOT_ACT_KILL,	     /* SIGKILL to all, arm the stop timer */
	SLOT_ACT_RENEW,	     /* fresh memory, arm the pause timer */
	SLOT_ACT_STOPPED,    /* tell that this slot is over */
	SLOT_ACT_AWAIT,	     /* arm the timer of those who do not claim */
	SLOT_ACT_PROD,	     /* end a tenant that does not claim */
	SLOT_ACTION_MAX
};

struct slot_move {
	enum slot_state next;
	enum slot_action action;
};

struct slot_move slot_fsm_step(enum slot_state state, enum slot_event event);

const char *slot_state_name(enum slot_state state);
const char *slot_event_name(enum slot_event event);
const char *slot_action_name(enum slot_action action);

#endif
