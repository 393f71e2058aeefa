/* SPDX-License-Identifier: ISC */
/*
 * See line_port.h.  A line of less than a packet fits into the buffer of a
 * fresh socket: it is sent and the socket closed at once.  Since nothing is
 * read, somebody who sends gets a reset, which can overtake the line: who asks
 * does not send.
 */
#include "lib/line_port.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct line_port *port = arg;
	char text[LINE_PORT_MAX];
	size_t size;

	(void)listener;
	(void)address;
	(void)len;
	port->asked++;
	size = port->say(text, port->arg);
	(void)!send(fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

/* Out of descriptors: the next turn of the loop tries again. */
static void
on_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	(void)arg;
	log_debug("line_port_failed", NULL, log_errno(errno));
}

int
line_port_start(struct line_port *port, struct event_base *base, int fd,
    line_port_cb *say, void *arg)
{
	memset(port, 0, sizeof(*port));
	port->say = say;
	port->arg = arg;
	port->listener = evconnlistener_new(base, on_accept, port,
	    LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (port->listener == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(port->listener, on_error);
	return 0;
}

void
line_port_stop(struct line_port *port)
{
	if (port->listener != NULL)
		evconnlistener_free(port->listener);
	port->listener = NULL;
}
