/* SPDX-License-Identifier: ISC */
/*
 * Opens, pumps and closes the control channels of a slot (see slot_link.h);
 * slot_message.c has the handlers, slot_setup.c what a keeper is given.
 */
#include "supervisor/slot/slot_link.h"

#include <errno.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "supervisor/slot/slot_message.h"
#include "supervisor/slot/slot_process.h"
#include "supervisor/supervisor.h"

/* Messages of one channel in one turn of the loop. */
#define PUMP_MAX 256

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	slot_link_pump(arg);
}

static void
link_lost(struct slot_link *link, int rc)
{
	struct slot *slot = link->slot;
	bool keeper = link == &slot->to_keeper;

	slot_link_close(link);
	/* A living keeper gets a new one with the tenant's next claim. */
	if (keeper && slot_has_tenant(slot) &&
	    slot_process_is_alive(&slot->keeper))
		slot_link_close(&slot->to_tenant);
	/* A keeper that ended is told of by its pidfd. */
	if (rc == -ECONNRESET || rc == -EPIPE)
		return;
	log_error("channel_broken", "the slot serves on without it",
	    log_text("slot", slot->label),
	    log_text("peer", keeper ? "keeper" : "tenant"), log_errno(rc));
	supervisor_event(slot->sup, "channel_broken", (int)slot->number, NULL,
	    keeper ? "keeper" : "tenant", 0);
	if (keeper)
		slot_feed(slot, SLOT_EV_BROKEN);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct slot_link *link = arg;
	int rc;

	(void)fd;
	(void)what;
	rc = channel_flush(&link->channel);
	if (rc < 0)
		link_lost(link, rc);
	else if (rc == 0)
		event_del(link->writable);
}

static int
link_start(struct slot_link *link, int fd, enum peer_role peer)
{
	struct event_base *base = link->slot->sup->base;

	slot_link_clear(link);
	channel_init(&link->channel, fd, PEER_SUPERVISOR, peer);
	link->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
	    link);
	link->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable,
	    link);
	if (link->readable == NULL || link->writable == NULL ||
	    event_add(link->readable, NULL) != 0) {
		slot_link_clear(link);
		return -ENOMEM;
	}
	return 0;
}

int
slot_link_open(struct slot *slot, int *out_keeper_end)
{
	int keeper[2], tenant[2], rc;

	rc = channel_pair(keeper);
	if (rc != 0)
		return rc;
	rc = channel_pair(tenant);
	if (rc != 0) {
		fd_close(&keeper[0]);
		fd_close(&keeper[1]);
		return rc;
	}
	fd_close(&slot->tenant_end);
	slot->tenant_end = tenant[1];
	rc = link_start(&slot->to_keeper, keeper[0], PEER_KEEPER);
	if (rc != 0) {
		fd_close(&tenant[0]);
	} else {
		rc = link_start(&slot->to_tenant, tenant[0], PEER_TENANT);
	}
	if (rc != 0) {
		slot_link_close(&slot->to_keeper);
		fd_close(&slot->tenant_end);
		fd_close(&keeper[1]);
		return rc;
	}
	*out_keeper_end = keeper[1];
	return 0;
}

static int
send_keeper_end(struct slot *slot, int fd)
{
	Holdfast__Fds__Spec spec = HOLDFAST__FDS__SPEC__INIT;
	Holdfast__Fds__Spec *specs[] = { &spec };
	Holdfast__Fds fds = HOLDFAST__FDS__INIT;
	int rc = slot_message_send_hello(&slot->to_tenant);

	spec.kind = SLOT_FD_KEEPER_CHANNEL;
	spec.index = 0;
	fds.n_spec = 1;
	fds.spec = specs;
	if (rc == 0)
		rc = slot_link_send(&slot->to_tenant, MSG_FDS, &fds.base, &fd,
		    1);
	return rc;
}

int
slot_link_adopt(struct slot *slot, int fd)
{
	int keeper[2], rc;

	rc = channel_pair(keeper);
	if (rc != 0) {
		fd_close(&fd);
		return rc;
	}
	rc = link_start(&slot->to_tenant, fd, PEER_TENANT);
	if (rc != 0)
		fd_close(&keeper[0]);
	else
		rc = link_start(&slot->to_keeper, keeper[0], PEER_KEEPER);
	if (rc == 0) {
		slot->to_tenant.greeted = true;
		rc = send_keeper_end(slot, keeper[1]);
	}
	fd_close(&keeper[1]);
	if (rc != 0) {
		slot_link_close(&slot->to_tenant);
		slot_link_close(&slot->to_keeper);
	}
	return rc;
}

void
slot_link_close(struct slot_link *link)
{
	if (link->readable != NULL)
		event_del(link->readable);
	if (link->writable != NULL)
		event_del(link->writable);
	if (link->channel.fd != -1)
		channel_clear(&link->channel);
	link->channel.fd = -1;
	link->greeted = false;
}

void
slot_link_clear(struct slot_link *link)
{
	slot_link_close(link);
	if (link->readable != NULL)
		event_free(link->readable);
	if (link->writable != NULL)
		event_free(link->writable);
	link->readable = link->writable = NULL;
}

void
slot_link_pump(struct slot_link *link)
{
	struct message message;
	int i, rc;

	for (i = 0; i < PUMP_MAX && link->channel.fd != -1; i++) {
		rc = channel_recv(&link->channel, &message);
		if (rc == 0)
			return;
		if (rc < 0) {
			link_lost(link, rc);
			return;
		}
		rc = slot_message_handle(link, &message);
		message_clear(&message);
		if (rc < 0) {
			link_lost(link, rc);
			return;
		}
	}
}

int
slot_link_send(struct slot_link *link, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds)
{
	int rc;

	if (link->channel.fd == -1)
		return -ENOTCONN;
	rc = channel_send(&link->channel, kind, body, fds, nfds);
	if (rc == 0 && channel_wants_write(&link->channel))
		event_add(link->writable, NULL);
	if (rc != 0)
		log_warn("channel_send_failed", NULL,
		    log_text("slot", link->slot->label),
		    log_text("message", message_kind_name(kind)),
		    log_errno(rc));
	return rc;
}
