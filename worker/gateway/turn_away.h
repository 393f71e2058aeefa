/* SPDX-License-Identifier: ISC */
/*
 * Refusing clients for whom there is no record left: a burst at a full slot
 * gets 503 like everybody else, not a reset.
 */
#ifndef HOLDFAST_GATEWAY_TURN_AWAY_H
#define HOLDFAST_GATEWAY_TURN_AWAY_H

#include <stdint.h>

/* Fewer than a slot has fds to spare. */
#define TURN_AWAY_MAX 24u

struct gateway;

/* Sockets whose request has not come yet, the oldest first. */
struct turn_away {
	int fd[TURN_AWAY_MAX]; /* owned */
	uint64_t until_us[TURN_AWAY_MAX];
	uint32_t count;
};

/* Answers 503 and closes fd, now or as soon as the request is there. */
void turn_away(struct gateway *, int fd);

/* Those whose request has come, or whose time is up; each tick. */
void turn_away_run(struct gateway *);

#endif
