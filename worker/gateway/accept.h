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

/* A listener (index in g->listeners) is ready. */
void accept_on_ready(struct gateway *, uint32_t listener);

/* Gives an accepted socket a record.  admitted: it has a token of the
 * handshake rate.  Takes the fd in every case.  0 or -errno. */
int accept_take(struct gateway *, uint32_t listener, int fd,
    const struct sockaddr *, bool admitted);

/* The pause is over. */
void accept_resume(struct gateway *);

#endif
