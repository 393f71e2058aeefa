/* SPDX-License-Identifier: ISC */
/*
 * An entry of the stream by which another node's operator asks for a client of
 * this one: the receipt carries its row.  Without memory there is none, and the
 * asker does with what is registered.
 */
#include <errno.h>
#include <string.h>

#include "proto/conn_row.h"
#include "worker/relay/inbox.h"
#include "worker/relay/inbox_entry.h"
#include "worker/relay/relay.h"

enum delivery_status
inbox_where_take(struct inbox *inbox, const struct inbox_fields *entry)
{
	struct relay *relay = inbox->relay;
	struct record_view view;
	struct inbox_asker asker;
	struct textbuf row, quoted;
	uint32_t slot;
	int rc;

	rc = shards_find(&relay->shards, entry->client, strlen(entry->client),
	    &slot, &view);
	if (rc == -EAGAIN)
		return DELIVERY_BUSY;
	if (rc != 0) {
		routes_touch(&relay->routes, entry->client,
		    strlen(entry->client));
		return DELIVERY_NOT_CONNECTED;
	}
	textbuf_init(&row, CONN_ROW_MAX);
	textbuf_init(&quoted, 2 * CONN_ROW_MAX);
	conn_row_put(&row, slot, &view);
	/* As a string, so that whoever hands it on need not look inside. */
	if (textbuf_error(&row) == 0)
		textbuf_json(&quoted, textbuf_text(&row),
		    strlen(textbuf_text(&row)));
	inbox_asker_init(&asker, relay, entry);
	if (textbuf_error(&row) == 0 && textbuf_error(&quoted) == 0)
		inbox_asker_tell(&asker, DELIVERY_DELIVERED, "row",
		    textbuf_text(&quoted));
	textbuf_clear(&row);
	textbuf_clear(&quoted);
	return DELIVERY_PENDING;
}
