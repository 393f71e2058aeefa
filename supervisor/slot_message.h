/* SPDX-License-Identifier: ISC */
/*
 * Handlers of what keepers and tenants say, one per kind of message.
 */
#ifndef HOLDFAST_SUPERVISOR_SLOT_MESSAGE_H
#define HOLDFAST_SUPERVISOR_SLOT_MESSAGE_H

#include "supervisor/slot_link.h"

/* Handles one message; the caller clears it.  -EPROTO: the peer is not who it
 * should be, and loses the channel. */
int slot_message_handle(struct slot_link *link, struct message *message);

#endif
