/* SPDX-License-Identifier: ISC */
/*
 * See reach.h.
 */
#include "worker/relay/reach.h"

#include <string.h>

#include "worker/relay/relay.h"

enum delivery_status
reach_client(struct relay *relay, const struct forward_what *what,
    const struct delivery_order *order, char *out_node)
{
	struct delivery *delivery = &relay->delivery;
	struct shard_target target;

	if (backplane_is_on(&relay->backplane) &&
	    delivery_find(delivery, what->client, what->client_len, &target) ==
		DELIVERY_NOT_CONNECTED)
		return forward_send(relay, what, order, out_node);
	if (what->kind == INBOX_KICK)
		return delivery_kick(delivery, what->client, what->client_len,
		    what->code, what->text, order);
	return delivery_send(delivery, what->client, what->client_len,
	    what->text, what->len, order);
}
