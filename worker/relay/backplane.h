/* SPDX-License-Identifier: ISC */
/*
 * The relay's links to Redis: it makes them, logs what becomes of them and
 * tells those who use them.  One link is for commands, one for the channel of
 * this node, one for reads of its stream, which block, and one for what clients
 * send.  Without redis.url there is none, and nothing here does anything.
 */
#ifndef HOLDFAST_RELAY_BACKPLANE_H
#define HOLDFAST_RELAY_BACKPLANE_H

#include <stdbool.h>

#include <event2/event.h>

#include "lib/redis_link.h"
#include "proto/redis_names.h"
#include "proto/slot_redis.h"

struct relay;

struct backplane {
	struct relay *relay;	     /* borrowed */
	struct redis_link *commands; /* owned; NULL: standalone */
	struct redis_link *pushes;   /* owned; likewise */
	struct redis_link *streams;
	struct redis_link *ingress; /* likewise; started when it is needed */
	struct event *wake;	    /* owned; wakes gateways after a batch */
	bool ingress_started;
	uint64_t errors; /* replies of the links that are counted */
	struct redis_url url;
	char channel[REDIS_NAMES_MAX];
};

/* Beside another relay of the node: subscribes, and no more.  -ENOENT: there is
 * no redis.url. */
int backplane_stand_by(struct backplane *, struct relay *)
    __attribute__((warn_unused_result));
/* A link for commands more. */
struct redis_link *backplane_new_link(struct backplane *,
    redis_link_state_cb *on_state, void *arg);
/* 0, -ENOMEM, or -EINVAL for a redis.url that is none. */
int backplane_start(struct backplane *, struct relay *)
    __attribute__((warn_unused_result));
/* Everything is started: tells of a subscription from before that. */
void backplane_serve(struct backplane *);

/* Is there a fleet? */
static inline bool
backplane_is_on(const struct backplane *backplane)
{
	return backplane->commands != NULL;
}

/* Does word of other nodes reach us? */
bool backplane_hears(const struct backplane *);
/* Are the links ready by which we reach ourselves? */
bool backplane_path_is_up(const struct backplane *, enum slot_path);
/* Makes them anew: a Sentinel is asked, or the next address tried. */
void backplane_renew(struct backplane *, enum slot_path);

/* redis_link_command() with texts, NULL behind the last. */
int backplane_command(struct backplane *, redis_link_cb *cb, void *arg,
    const char *const *words) __attribute__((warn_unused_result));
/* The same on the link for reads that block. */
int backplane_stream_command(struct backplane *, redis_link_cb *cb, void *arg,
    const char *const *words) __attribute__((warn_unused_result));
/* The link for what clients send. */
void backplane_ingress_start(struct backplane *);
int backplane_ingress_command(struct backplane *, redis_link_cb *cb, void *arg,
    int argc, const char *const *argv, const size_t *lens)
    __attribute__((warn_unused_result));
/* The same for what nobody waits for: whether it arrives is not known. */
void backplane_tell(struct backplane *, const char *const *words);
/* May so many more commands be sent now? */
bool backplane_has_room(const struct backplane *, uint32_t commands);
/* Is a reply owed for so long that who can wait should, lest it comes too late
 * for the link to live? */
bool backplane_is_slow(const struct backplane *);

/* Entries were put in rings: gateways are woken when this turn ends. */
void backplane_wake_later(struct backplane *);

/* Once a second. */
void backplane_tick(struct backplane *);

/* Values of settings.redis have changed. */
void backplane_apply_settings(struct backplane *);

#endif
