/* SPDX-License-Identifier: ISC */
/*
 * Takes ring entries apart (see up_entry.h).
 */
#include "worker/relay/up_entry.h"

#include <string.h>

#include "worker/relay/api_json.h"

bool
up_entry_route(const struct ring_entry *entry, struct up_route *out)
{
	struct up_route route;

	if ((entry->kind != RING_CONNECTED &&
		entry->kind != RING_DISCONNECTED) ||
	    entry->len < sizeof(route.route) ||
	    entry->len > sizeof(route.route) + sizeof(route.id))
		return false;
	memcpy(&route.route, entry->data, sizeof(route.route));
	route.id_len = entry->len - sizeof(route.route);
	memcpy(route.id, entry->data + sizeof(route.route), route.id_len);
	if (!api_client_id_ok(route.id, route.id_len))
		return false;
	*out = route;
	return true;
}

bool
up_entry_receipt(const struct ring_entry *entry, struct ring_receipt *out)
{
	if (entry->kind != RING_RECEIPT || entry->len != sizeof(*out))
		return false;
	memcpy(out, entry->data, sizeof(*out));
	return true;
}

bool
up_entry_message(const struct ring_entry *entry, struct ring_message *out)
{
	struct ring_message message;

	if (entry->kind != RING_MESSAGE || entry->len < sizeof(message))
		return false;
	memcpy(&message, entry->data, sizeof(message));
	if (entry->len - sizeof(message) < message.id_len ||
	    !api_client_id_ok((const char *)entry->data + sizeof(message),
		message.id_len))
		return false;
	*out = message;
	return true;
}
