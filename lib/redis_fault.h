/* SPDX-License-Identifier: ISC */
/*
 * What an error reply of Redis means, and what is done about it.  Pure.
 */
#ifndef HOLDFAST_LIB_REDIS_FAULT_H
#define HOLDFAST_LIB_REDIS_FAULT_H

enum redis_fault {
	REDIS_FAULT_NONE,
	REDIS_FAULT_LOST,      /* no reply: the link went down first */
	REDIS_FAULT_OOM,       /* over maxmemory, writes are refused */
	REDIS_FAULT_READONLY,  /* a replica: the master has moved */
	REDIS_FAULT_LOADING,   /* reads its file after a restart */
	REDIS_FAULT_BUSY,      /* a script of somebody runs too long */
	REDIS_FAULT_NOSCRIPT,  /* EVALSHA of what it does not know */
	REDIS_FAULT_WRONGTYPE, /* a key of ours is somebody else's */
	REDIS_FAULT_MOVED,     /* MOVED, ASK, CLUSTERDOWN, CROSSSLOT */
	REDIS_FAULT_DENIED,    /* NOAUTH, WRONGPASS, NOPERM */
	REDIS_FAULT_REFUSED,   /* MASTERDOWN, MISCONF, NOREPLICAS */
	REDIS_FAULT_OTHER,
	REDIS_FAULT_MAX
};

enum redis_reaction {
	REDIS_PROCEED,	 /* no fault */
	REDIS_RECONNECT, /* the link: to the next address, after a pause */
	REDIS_LATER,	 /* the caller: the same again after a pause */
	REDIS_SEND_TEXT, /* the caller: EVAL instead of EVALSHA */
	REDIS_GIVE_UP,	 /* the caller: this one step; counted and logged */
};

/* Of an error reply's text: its first word decides. */
enum redis_fault redis_fault_parse(const char *text);
enum redis_reaction redis_fault_reaction(enum redis_fault);
const char *redis_fault_name(enum redis_fault);

#endif
