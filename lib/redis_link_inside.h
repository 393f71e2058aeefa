/* SPDX-License-Identifier: ISC */
/*
 * The inside of struct redis_link, for redis_link.c (its life),
 * redis_link_connect.c (the way to a server) and redis_link_command.c (what
 * travels on it) alone.
 */
#ifndef HOLDFAST_LIB_REDIS_LINK_INSIDE_H
#define HOLDFAST_LIB_REDIS_LINK_INSIDE_H

#include "lib/backoff.h"
#include "lib/redis_guard.h"
#include "lib/redis_link.h"
#include "lib/redis_resolve.h"
#include "lib/redis_sentinel.h"

#define REDIS_LINK_TEXT 200

struct redisAsyncContext;

/* A reply that is owed.  hiredis holds it until it calls back, with NULL at the
 * latest when its context ends. */
struct redis_command {
	struct redis_link *link; /* NULL: the link has dropped it */
	redis_link_cb *cb;
	void *arg;
	uint64_t sent_ms;
	struct redis_command *next;
};

struct redis_link {
	struct redis_link_conf conf;
	struct event_base *base; /* borrowed */
	enum redis_link_state state;
	struct redisAsyncContext *ac;	 /* owned until hiredis says it ended */
	struct redis_resolve *resolve;	 /* owned */
	struct redis_sentinel *sentinel; /* owned; NULL: none to be asked */
	struct event *connected;	 /* owned; connect() has ended well */
	struct event *deadline;		 /* owned; until ready */
	struct event *pause;		 /* owned; until the next attempt */
	struct event *watch;		 /* owned; runs while ready */
	struct redis_guard guard;
	struct backoff backoff;
	struct redis_command *first, *last; /* in the order of replies */
	uint32_t host;			    /* the next attempt's, of the url */
	uint16_t port;
	char name[256];		 /* this one's */
	const char *tls_problem; /* borrowed; NULL: none */
	char ip[64];		 /* what its name stands for */
	char address[160];	 /* for people */
	char problem[REDIS_LINK_TEXT];
	uint64_t errors;
	uint32_t attempts; /* that failed since it was ready */
	char told[REDIS_URL_HOSTS][REDIS_LINK_TEXT]; /* how, in turn */
	bool is_news;
	uint32_t trying;   /* the address of this attempt, of the url */
	uint64_t began_ms; /* this attempt */
	/* the last that has ended, by address */
	uint64_t tried_ms[REDIS_URL_HOSTS];
	uint64_t up_ms;	   /* since then it is ready */
	uint64_t asked_ms; /* ROLE or SUBSCRIBE was repeated */
	uint64_t heard_ms;
	uint64_t watched_ms;
};

/* An event of the link's life; why: for EV_FAILED. */
void redis_link_feed(struct redis_link *, enum redis_link_event,
    const char *why);

void redis_link_wait_ms(struct event *, uint32_t ms);

/* To the next server, as the table says. */
void redis_link_resolve(struct redis_link *);
void redis_link_connect(struct redis_link *);
/* NULL: no memory. */
struct redis_sentinel *redis_link_sentinel(struct redis_link *);
/* Of a link with a connection. */
void redis_link_forget_at_close(struct redis_link *, bool forgets);

/* AUTH, SELECT, ROLE, PING, and then SUBSCRIBE on a link with a channel. */
void redis_link_greet(struct redis_link *);
/* The question that is asked again and again. */
void redis_link_ask(struct redis_link *);
/* Tells all that wait that no reply will come. */
void redis_link_lose(struct redis_link *);

#endif
