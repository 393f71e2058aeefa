/* SPDX-License-Identifier: ISC */
/*
 * Handlers of what keepers and tenants say, one per kind of message.
 */
#ifndef HOLDFAST_SLOT_SLOT_MESSAGE_H
#define HOLDFAST_SLOT_SLOT_MESSAGE_H

#include "supervisor/slot/slot_link.h"

int slot_message_send_hello(struct slot_link *link);

/* Handles one message; the caller clears it.  -EPROTO: the peer is not who it
 * should be, and loses the channel. */
int slot_message_handle(struct slot_link *link, struct message *message);

#endif
