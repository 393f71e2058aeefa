/* SPDX-License-Identifier: ISC */
/*
 * One end of the channel between the two supervisors of a live upgrade, in the
 * event loop.  Whatever is wrong with the peer ends in one call of on_broken,
 * with the channel closed.
 */
#ifndef HOLDFAST_UPGRADE_UPGRADE_LINK_H
#define HOLDFAST_UPGRADE_UPGRADE_LINK_H

#include <event2/event.h>

#include "proto/channel.h"
#include "proto/holdfast.pb-c.h"

struct upgrade_link {
	struct channel channel; /* fd -1: closed */
	struct event *readable; /* owned */
	struct event *writable; /* owned */
	/* May close the link.  message: borrowed but for fds set to -1. */
	void (*on_message)(struct message *message, void *arg);
	/* rc: -ECONNRESET and the like, -EPROTO */
	void (*on_broken)(int rc, void *arg);
	void *arg;
};

void upgrade_link_init(struct upgrade_link *link);
/* Takes fd in every case.  self: PEER_OUTGOING or PEER_INCOMING. */
int upgrade_link_open(struct upgrade_link *link, struct event_base *base,
    int fd, enum peer_role self);
void upgrade_link_close(struct upgrade_link *link);
/* Handles what has come, now. */
void upgrade_link_pump(struct upgrade_link *link);

/* -errno: it is not sent; the link stays open, on_broken may follow. */
int upgrade_link_send(struct upgrade_link *link, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds);

#endif
