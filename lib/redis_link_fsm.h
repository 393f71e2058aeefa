/* SPDX-License-Identifier: ISC */
/*
 * The life of a link to Redis as a table: (state, event) -> (next state, what
 * to do).  Pure; lib/redis_link.c does it.
 */
#ifndef HOLDFAST_LIB_REDIS_LINK_FSM_H
#define HOLDFAST_LIB_REDIS_LINK_FSM_H

enum redis_link_state {
	REDIS_LINK_STOPPED,
	REDIS_LINK_RESOLVING,  /* a name lookup runs */
	REDIS_LINK_CONNECTING, /* connect() has not ended */
	REDIS_LINK_GREETING,   /* AUTH, SELECT, ROLE, PING are out */
	REDIS_LINK_READY,
	REDIS_LINK_WAITING, /* for the next attempt */
	REDIS_LINK_STATES
};

enum redis_link_event {
	REDIS_LINK_EV_START,
	REDIS_LINK_EV_RESOLVED,
	REDIS_LINK_EV_CONNECTED,
	REDIS_LINK_EV_GREETED,
	REDIS_LINK_EV_FAILED, /* whatever went wrong, deadlines too */
	REDIS_LINK_EV_RETRY,  /* the pause is over */
	REDIS_LINK_EV_STOP,
	REDIS_LINK_EVENTS
};

enum redis_link_act {
	REDIS_LINK_IGNORE,
	REDIS_LINK_DO_RESOLVE,
	REDIS_LINK_DO_CONNECT,
	REDIS_LINK_DO_GREET,
	REDIS_LINK_DO_UP,    /* tell the owner */
	REDIS_LINK_DO_DOWN,  /* tell the owner, drop, wait */
	REDIS_LINK_DO_PAUSE, /* drop, wait */
	REDIS_LINK_DO_DROP,  /* drop, and no more */
};

struct redis_link_move {
	enum redis_link_state next;
	enum redis_link_act act;
};

struct redis_link_move redis_link_fsm_next(enum redis_link_state,
    enum redis_link_event);
const char *redis_link_state_name(enum redis_link_state);

#endif
