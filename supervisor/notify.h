/* SPDX-License-Identifier: ISC */
/*
 * Tells the service manager how we are (sd_notify(3)): READY, STOPPING,
 * RELOADING, STATUS and the watchdog.  Without libsystemd, or when nobody
 * asked, all of it does nothing.
 */
#ifndef HOLDFAST_SUPERVISOR_NOTIFY_H
#define HOLDFAST_SUPERVISOR_NOTIFY_H

#include <sys/types.h>

#include <event2/event.h>

struct notify {
	struct event *watchdog; /* owned; NULL: not asked for */
};

/* Before children are made: keeps the manager's address from them. */
void notify_init(struct notify *notify, struct event_base *base);
void notify_clear(struct notify *notify);

/* Puts back what init took: for a holdfastd that is executed next. */
void notify_export(void);

void notify_ready(void);
/* Another process is the service's main one from now on. */
void notify_main(pid_t pid);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
