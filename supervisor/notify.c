/* SPDX-License-Identifier: ISC */
/*
 * The service manager's protocol (see notify.h).
 */
#include "supervisor/notify.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

static char *notify_socket;  /* the address, taken out of the environment */
static uint64_t watchdog_us; /* 0: not wanted */

/* sd_notify() reads the environment at each call, which workers must not
 * inherit, so the address is there only while it is needed. */
static void
tell(const char *state)
{
	if (notify_socket == NULL)
		return;
	setenv("NOTIFY_SOCKET", notify_socket, 1);
	(void)sd_notify(0, state);
	unsetenv("NOTIFY_SOCKET");
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	tell("WATCHDOG=1");
}

static void
start_watchdog(struct notify *notify, struct event_base *base)
{
	uint64_t period_us = 0;
	struct timeval tv;

	if (sd_watchdog_enabled(1, &period_us) <= 0)
		return;
	watchdog_us = period_us;
	period_us /= 2;
	tv.tv_sec = (time_t)(period_us / 1000000);
	tv.tv_usec = (suseconds_t)(period_us % 1000000);
	notify->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, NULL);
	if (notify->watchdog != NULL)
		event_add(notify->watchdog, &tv);
}

void
notify_init(struct notify *notify, struct event_base *base)
{
	const char *address = getenv("NOTIFY_SOCKET");

	memset(notify, 0, sizeof(*notify));
	if (address == NULL)
		return;
	notify_socket = strdup(address);
	unsetenv("NOTIFY_SOCKET");
	start_watchdog(notify, base);
}

void
notify_clear(struct notify *notify)
{
	if (notify->watchdog != NULL)
		event_free(notify->watchdog);
	notify->watchdog = NULL;
	free(notify_socket);
	notify_socket = NULL;
}

void
notify_export(void)
{
	char number[32];

	if (notify_socket != NULL)
		setenv("NOTIFY_SOCKET", notify_socket, 1);
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)watchdog_us);
	if (watchdog_us != 0)
		setenv("WATCHDOG_USEC", number, 1);
}

#else

static void
tell(const char *state)
{
	(void)state;
}

void
notify_init(struct notify *notify, struct event_base *base)
{
	(void)base;
	memset(notify, 0, sizeof(*notify));
	unsetenv("NOTIFY_SOCKET");
}

void
notify_clear(struct notify *notify)
{
	(void)notify;
}

void
notify_export(void)
{
}

#endif

void
notify_ready(void)
{
	tell("READY=1");
}

void
notify_main(pid_t pid)
{
	char text[64];

	snprintf(text, sizeof(text), "MAINPID=%d\nREADY=1", (int)pid);
	tell(text);
}

void
notify_reloading(void)
{
	char text[96];

	/* Type=notify-reload wants the time at which it began. */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)clock_mono_us());
	tell(text);
}

void
notify_stopping(void)
{
	tell("STOPPING=1");
}

void
notify_status(const char *format, ...)
{
	static char last[256];
	char text[256] = "STATUS=";
	va_list args;

	va_start(args, format);
	vsnprintf(text + 7, sizeof(text) - 7, format, args);
	va_end(args);
	if (strcmp(text, last) == 0)
		return;
	memcpy(last, text, sizeof(last));
	tell(text);
}
