/* SPDX-License-Identifier: ISC */
/*
 * A TCP port that tells everybody who connects one line, and hangs up: peers
 * ask whether we live, load balancers how much we can take.  It reads nothing,
 * so that there is nothing to attack.
 */
#ifndef HOLDFAST_SUPERVISOR_LINE_PORT_H
#define HOLDFAST_SUPERVISOR_LINE_PORT_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/listener.h>

#define LINE_PORT_MAX 256

/* Writes what is to be said now, with its newline; the length. */
typedef size_t line_port_cb(char out[LINE_PORT_MAX], void *arg);

struct line_port {
	struct evconnlistener *listener; /* owned; NULL: there is none */
	uint16_t port;			 /* the real one */
	uint64_t asked;
	line_port_cb *say;
	void *arg;
};

/* Tells in the log where it listens, for what purpose.  -errno, not told. */
int line_port_open(struct line_port *port, struct event_base *base,
    const char *address, uint16_t number, const char *purpose,
    line_port_cb *say, void *arg);
void line_port_close(struct line_port *port);

#endif
