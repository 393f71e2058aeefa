/* SPDX-License-Identifier: ISC */
/*
 * See line_port.h.  A line of less than a packet fits into the buffer of a
 * fresh socket: it is sent and the socket closed at once.  Since nothing is
 * read, somebody who sends gets a reset, which can overtake the line: who asks
 * does not send.
 */
#include "supervisor/line_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "supervisor/listener.h"

#define BACKLOG 128

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

static uint16_t
real_port(evutil_socket_t fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) == -1)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int
line_port_open(struct line_port *port, struct event_base *base,
    const char *address, uint16_t number, const char *purpose,
    line_port_cb *say, void *arg)
{
	struct sockaddr_storage where;
	socklen_t len;
	int rc = listener_address_parse(address, number, &where, &len);

	memset(port, 0, sizeof(*port));
	if (rc != 0)
		return rc;
	port->say = say;
	port->arg = arg;
	errno = 0;
	port->listener = evconnlistener_new_bind(base, on_accept, port,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
	    BACKLOG, (struct sockaddr *)&where, (int)len);
	if (port->listener == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	evconnlistener_set_error_cb(port->listener, on_error);
	port->port = real_port(evconnlistener_get_fd(port->listener));
	log_info("listening", NULL, log_text("address", address),
	    log_uint("port", port->port), log_text("for", purpose));
	return 0;
}

void
line_port_close(struct line_port *port)
{
	if (port->listener != NULL)
		evconnlistener_free(port->listener);
	port->listener = NULL;
}
