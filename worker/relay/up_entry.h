/* SPDX-License-Identifier: ISC */
/*
 * What a gateway has written into its rings, taken apart: the gateway faces the
 * internet, and what it writes is trusted no more than that.  Pure; ring_up.c
 * and ingress.c call it.
 */
#ifndef HOLDFAST_RELAY_UP_ENTRY_H
#define HOLDFAST_RELAY_UP_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/record.h"
#include "proto/ring.h"
#include "proto/ring_messages.h"

/* false: it makes no sense; *out is then left alone.  Each copies what it looks
 * at, for the gateway may change it meanwhile. */

struct up_route {
	struct ring_route route;
	size_t id_len;
	char id[RECORD_ID_MAX];
};

/* RING_CONNECTED or RING_DISCONNECTED. */
bool up_entry_route(const struct ring_entry *, struct up_route *out);

bool up_entry_receipt(const struct ring_entry *, struct ring_receipt *out);

/* RING_MESSAGE: the client id, of out->id_len bytes, and the payload stand
 * behind the struct, in the ring. */
bool up_entry_message(const struct ring_entry *, struct ring_message *out);

#endif
