/* SPDX-License-Identifier: ISC */
/*
 * A live upgrade as the outgoing supervisor sees it: a [STATE][EVENT] table of
 * next state and action.  Until the step aside nothing has changed, so that a
 * failure costs no more than the new process; after it the new supervisor has
 * the slots, and a failure means to end it and to take them back.  Pure;
 * upgrade.c feeds it and carries the actions out.
 */
#ifndef HOLDFAST_UPGRADE_UPGRADE_FSM_H
#define HOLDFAST_UPGRADE_UPGRADE_FSM_H

#include <stdbool.h>

enum upgrade_state {
	UPGRADE_IDLE,
	UPGRADE_CHECKING,     /* the new binary reads the configuration */
	UPGRADE_PREPARING,    /* it runs, and is to say that it is ready */
	UPGRADE_ABORTING,     /* it is being killed, nothing has changed */
	UPGRADE_ASIDE,	      /* we let go of channels, sockets and the lock */
	UPGRADE_ADOPTING,     /* it takes the slots over as they are */
	UPGRADE_MOVING,	      /* slot by slot to its workers */
	UPGRADE_RETURNING,    /* slot by slot back to our workers */
	UPGRADE_ROLLING_BACK, /* it is being killed, the slots are without us */
	UPGRADE_TAKING_BACK,  /* we start anew and adopt the slots */
	UPGRADE_LEAVING,      /* the node is being stopped: it does that */
	UPGRADE_FINISHED,     /* it has everything, we end */
	UPGRADE_STATE_MAX
};

enum upgrade_event {
	UPGRADE_EV_START,
	UPGRADE_EV_CHECKED, /* the configuration is good */
	UPGRADE_EV_READY,   /* it can do what we need */
	UPGRADE_EV_LET_GO,  /* nothing of the slots is left with us */
	UPGRADE_EV_ADOPTED, /* it has all slots */
	UPGRADE_EV_MOVED,   /* one more slot */
	UPGRADE_EV_DONE,
	UPGRADE_EV_FAILED, /* it, or one of our steps, gave a reason */
	UPGRADE_EV_RETURNED,
	UPGRADE_EV_BROKEN,  /* its channel is closed or speaks nonsense */
	UPGRADE_EV_GONE,    /* its process has ended */
	UPGRADE_EV_TIMEOUT, /* the state's own deadline */
	UPGRADE_EV_STOP,    /* the node is to be stopped */
	UPGRADE_EVENT_MAX
};

enum upgrade_action {
	UPGRADE_ACT_NONE,
	UPGRADE_ACT_UNEXPECTED, /* cannot be, or too late: ignore */
	UPGRADE_ACT_BUSY,	/* refuse a second upgrade */
	UPGRADE_ACT_CHECK,	/* run the new binary with -n */
	UPGRADE_ACT_SPAWN,	/* start it, with a channel to us */
	UPGRADE_ACT_KILL,	/* SIGKILL, and wait for its end */
	UPGRADE_ACT_REFUSE,	/* tell the reason: all is as before */
	UPGRADE_ACT_LET_GO,	/* close what it will take */
	UPGRADE_ACT_GO,		/* tell it that it may begin */
	UPGRADE_ACT_PROGRESS,	/* tell, and give it time for the next step */
	UPGRADE_ACT_TAKE_BACK,	/* execute ourselves anew */
	UPGRADE_ACT_FORWARD,	/* pass the signal on */
	UPGRADE_ACT_FINISH,	/* tell everybody, and end */
	UPGRADE_ACTION_MAX
};

struct upgrade_move {
	enum upgrade_state next;
	enum upgrade_action action;
};

struct upgrade_move upgrade_fsm_step(enum upgrade_state state,
    enum upgrade_event event);

/* How long a state may last, or its next sign of life take; 0: forever. */
unsigned upgrade_fsm_deadline_ms(enum upgrade_state state);
/* The slots are no longer ours. */
bool upgrade_fsm_is_aside(enum upgrade_state state);

const char *upgrade_state_name(enum upgrade_state state);
const char *upgrade_event_name(enum upgrade_event event);
const char *upgrade_action_name(enum upgrade_action action);

#endif
