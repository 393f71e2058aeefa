/* SPDX-License-Identifier: ISC */
/*
 * Rows of `holdfastctl clients` (see client_row.h).
 */
#include "supervisor/control/client_row.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/arena.h"
#include "proto/conn_row.h"
#include "supervisor/supervisor.h"

static bool
matches_text(const char *text, const char *filter)
{
	if (strpbrk(filter, "*?") != NULL)
		return fnmatch(filter, text, FNM_NOESCAPE) == 0;
	return strstr(text, filter) != NULL;
}

bool
client_row_matches(const struct record_view *view, const char *filter)
{
	char address[CONN_ROW_ADDRESS_SIZE];

	if (filter == NULL || filter[0] == '\0' ||
	    matches_text(view->id, filter))
		return true;
	conn_row_address(view->body.addr, address);
	return matches_text(address, filter);
}

static void
add_listener(json_t *row, const struct supervisor *sup, uint8_t index)
{
	const struct listener_set *set = &sup->listeners;
	char text[96];

	if (index >= set->count || set->clients[index].address[0] == '\0')
		return;
	snprintf(text, sizeof(text), "%s:%u", set->clients[index].address,
	    set->clients[index].port);
	json_object_set_new(row, "listener", json_string(text));
}

/* Bytes that wait for the client, as far as they can be known from outside:
 * the block belongs to the tenant and may change while it is read.  By
 * pread(), since to touch a hole of the mapped file would fill it. */
static json_int_t
queued_bytes(const struct slot *slot, const struct record_body *body)
{
	struct record_busy busy;
	uint64_t sent;

	if (body->busy == 0 || slot->memory.arena_fd == -1 ||
	    pread(slot->memory.arena_fd, &busy, sizeof(busy),
		(off_t)body->busy * ARENA_UNIT) != (ssize_t)sizeof(busy))
		return 0;
	sent = body->given - busy.out_base;
	return sent <= busy.out_len ? (json_int_t)(busy.out_len - sent) : 0;
}

json_t *
client_row_json(const struct slot *slot, const struct record_view *view)
{
	struct textbuf text;
	json_t *row;

	textbuf_init(&text, CONN_ROW_MAX);
	conn_row_put(&text, slot->number, view);
	row = textbuf_error(&text) != 0 ?
	    NULL :
	    json_loads(textbuf_text(&text), 0, NULL);
	textbuf_clear(&text);
	if (row == NULL)
		return NULL;
	json_object_set_new(row, "queued",
	    json_integer(queued_bytes(slot, &view->body)));
	add_listener(row, slot->sup, view->body.listener);
	return row;
}
