/* SPDX-License-Identifier: ISC */
/*
 * Signals to holdfastd, read from a signalfd: it tells who sent them, and a
 * terminal that changes its size is not an operator who wants a drain.
 */
#ifndef HOLDFAST_SUPERVISOR_SIGNALS_H
#define HOLDFAST_SUPERVISOR_SIGNALS_H

#include <event2/event.h>

struct supervisor;

struct signals {
	int fd;		     /* owned */
	struct event *event; /* owned */
};

/* Before anything is taken over: what comes meanwhile waits for
 * signals_start().  Children must unblock them. */
int signals_block(void);
int signals_start(struct supervisor *sup);
void signals_stop(struct supervisor *sup);

#endif
