/* SPDX-License-Identifier: ISC */
/*
 * New connections: when to accept and when to leave them in the kernel's
 * backlog (rate, fair share among the slots, memory, fds), and the birth of a
 * record.
 */
#ifndef HOLDFAST_GATEWAY_ACCEPT_H
#define HOLDFAST_GATEWAY_ACCEPT_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

struct gateway;

/* Registers the listeners in the slot's epoll set. */
void accept_watch(struct gateway *);

/* Takes a listener that will be closed out of the set: others have copies of
 * its file, so that close() alone would leave it there. */
void accept_unwatch(struct gateway *, uint32_t listener, int fd);

/* Accepts what waits in the backlog of a listener that will be closed. */
void accept_rest(struct gateway *, uint32_t listener);

/* A listener (index in g->listeners) is ready. */
void accept_on_ready(struct gateway *, uint32_t listener);

/* Gives an accepted socket a record.  admitted: it has a token of the
 * handshake rate.  Takes the fd in every case.  -ENOSPC: there is no record,
 * the client is told 503; -errno. */
int accept_take(struct gateway *, uint32_t listener, int fd,
    const struct sockaddr *, bool admitted);

/* The pause is over. */
void accept_resume(struct gateway *);

#endif
