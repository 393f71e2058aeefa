/* SPDX-License-Identifier: ISC */
/*
 * The two control channels of a slot: Hello and its checks, the fds that make
 * a slot, and the messages that move the slot's state machine.  A peer that
 * breaks protocol loses its channel and nothing else happens here.
 */
#ifndef HOLDFAST_SLOT_SLOT_LINK_H
#define HOLDFAST_SLOT_SLOT_LINK_H

#include "supervisor/slot/slot.h"

/* Fresh channel pairs.  *out_keeper_end goes to the child as fd 3; the
 * tenant's end stays in slot->tenant_end.  -errno. */
int slot_link_open(struct slot *slot, int *out_keeper_end);
/* The connection on which a claim was taken becomes the tenant's channel, and
 * the keeper gets a new one through it.  Takes fd in every case.  -errno: both
 * are closed. */
int slot_link_adopt(struct slot *slot, int fd);
/* The channel; its events stay for the next one. */
void slot_link_close(struct slot_link *link);
void slot_link_clear(struct slot_link *link);

/* Reads what the keeper has sent, as long as there is something. */
void slot_link_pump(struct slot_link *link);

/* Hello, all fds, Start.  -errno: the slot cannot be set up. */
int slot_link_setup(struct slot *slot);

/* Sends, arms the write event when the socket is full.  -ENOTCONN when the
 * channel is closed; a channel that fails is closed. */
int slot_link_send(struct slot_link *link, enum message_kind kind,
    const ProtobufCMessage *body, const int *fds, int nfds);

/* Gateway `from` has fresh memory: the relay gets its table and rings. */
int slot_link_tell_relay(struct slot *relay, const struct slot *from);
/* Gateway `from` has moved: another table, the same rings. */
int slot_link_tell_table(struct slot *relay, const struct slot *from);

/* Everything that can change at run time, once more: a tenant may have died
 * with the message in its hands. */
int slot_link_refresh(struct slot *slot);

#endif
