/* SPDX-License-Identifier: ISC */
/*
 * Between two supervisors (see upgrade_link.h).
 */
#include "supervisor/upgrade/upgrade_link.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"

void
upgrade_link_init(struct upgrade_link *link)
{
	memset(link, 0, sizeof(*link));
	link->channel.fd = -1;
}

static void
broken(struct upgrade_link *link, int rc)
{
	upgrade_link_close(link);
	link->on_broken(rc, link->arg);
}

void
upgrade_link_pump(struct upgrade_link *link)
{
	struct message message;
	int rc;

	/* A handler may close the link, and so end this. */
	while (link->channel.fd != -1) {
		rc = channel_recv(&link->channel, &message);
		if (rc == 0)
			return;
		if (rc < 0) {
			broken(link, rc);
			return;
		}
		link->on_message(&message, link->arg);
		message_clear(&message);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	upgrade_link_pump(arg);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct upgrade_link *link = arg;
	int rc = channel_flush(&link->channel);

	(void)fd;
	(void)what;
	if (rc < 0)
		broken(link, rc);
	else if (rc == 0)
		event_del(link->writable);
}

int
upgrade_link_open(struct upgrade_link *link, struct event_base *base, int fd,
    enum peer_role self)
{
	enum peer_role peer = self == PEER_OUTGOING ? PEER_INCOMING :
						      PEER_OUTGOING;

	channel_init(&link->channel, fd, self, peer);
	link->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
	    link);
	link->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable,
	    link);
	if (link->readable == NULL || link->writable == NULL ||
	    event_add(link->readable, NULL) != 0) {
		upgrade_link_close(link);
		return -ENOMEM;
	}
	return 0;
}

void
upgrade_link_close(struct upgrade_link *link)
{
	if (link->readable != NULL)
		event_free(link->readable);
	if (link->writable != NULL)
		event_free(link->writable);
	link->readable = link->writable = NULL;
	if (link->channel.fd != -1)
		channel_clear(&link->channel);
	link->channel.fd = -1;
}

int
upgrade_link_send(struct upgrade_link *link, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds)
{
	int rc = -ENOTCONN;

	if (link->channel.fd != -1)
		rc = channel_send(&link->channel, kind, body, fds, nfds);
	if (rc == 0 && channel_wants_write(&link->channel))
		event_add(link->writable, NULL);
	if (rc != 0)
		log_warn("channel_send_failed", NULL,
		    log_text("message", message_kind_name(kind)),
		    log_errno(rc));
	return rc;
}
