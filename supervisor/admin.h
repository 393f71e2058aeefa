/* SPDX-License-Identifier: ISC */
/*
 * The admin HTTP server: /healthz, /readyz, /metrics and an index.  Reading
 * only; on loopback unless the configuration says otherwise.
 */
#ifndef HOLDFAST_SUPERVISOR_ADMIN_H
#define HOLDFAST_SUPERVISOR_ADMIN_H

#include <event2/http.h>

#include "lib/line_port.h"

struct supervisor;

struct admin {
	struct evhttp *http;	/* owned; NULL: off */
	struct line_port agent; /* see agent.h */
};

/* On the set's admin listener, which it takes over; without one: 0. */
int admin_start(struct supervisor *sup);
void admin_stop(struct supervisor *sup);

#endif
