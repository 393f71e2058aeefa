/* SPDX-License-Identifier: ISC */
/*
 * A TCP port that tells everybody who connects one line, and hangs up: peers
 * ask whether we live, load balancers how much we can take.  It reads nothing,
 * so that there is nothing to attack.
 */
#ifndef HOLDFAST_LIB_LINE_PORT_H
#define HOLDFAST_LIB_LINE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/listener.h>

#define LINE_PORT_MAX 320

/* Writes what is to be said now, with its newline; the length. */
typedef size_t line_port_cb(char out[LINE_PORT_MAX], void *arg);

struct line_port {
	struct evconnlistener *listener; /* owned; NULL: there is none */
	uint64_t asked;
	line_port_cb *say;
	void *arg;
};

/* On a socket that listens, and that stays the caller's.  -ENOMEM. */
int line_port_start(struct line_port *port, struct event_base *base, int fd,
    line_port_cb *say, void *arg);
void line_port_stop(struct line_port *port);

#endif
