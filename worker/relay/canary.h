/* SPDX-License-Identifier: ISC */
/*
 * The delivery canary: when nothing has come by a path through Redis for a
 * while, the relay sends itself a message by it and measures how long that
 * takes.  One that does not come has the links made anew, and then makes the
 * path deaf, which the supervisor reads in the slot header.  Full rings are no
 * deafness: what is read but not taken was heard.
 */
#ifndef HOLDFAST_RELAY_CANARY_H
#define HOLDFAST_RELAY_CANARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "proto/slot_redis.h"

/* Of a canary on the channel and in the stream. */
#define CANARY_TOKEN_MAX 20u

struct relay;

struct canary_path {
	struct canary *canary; /* borrowed */
	enum slot_path path;
	bool heard; /* since the last tick */
	uint64_t since_ms;
	uint64_t token;	  /* of the canary under way; 0: none */
	uint64_t sent_us; /* when it was sent */
};

struct canary {
	struct relay *relay; /* borrowed */
	struct event *tick;  /* owned; NULL: standalone */
	bool is_parting;
	uint64_t ticked_ms;
	uint64_t next_token;
	struct canary_path paths[SLOT_PATH_MAX];
};

/* 0 or -ENOMEM. */
int canary_start(struct canary *, struct relay *)
    __attribute__((warn_unused_result));
/* The relay leaves: nothing more is sent or told. */
void canary_part(struct canary *);
/* It stays after all. */
void canary_resume(struct canary *);

/* Something came by this path. */
static inline void
canary_heard(struct canary *canary, enum slot_path path)
{
	canary->paths[path].heard = true;
}

/* A canary did, by its token: maybe not one of ours. */
void canary_returned(struct canary *, enum slot_path, const char *token);
/* A link that this path needs has come up. */
void canary_linked(struct canary *, enum slot_path);

#endif
