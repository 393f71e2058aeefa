/* SPDX-License-Identifier: ISC */
/*
 * clients and where on the control socket.  A scan of all records runs in
 * slices between other events, so that a hundred thousand connections do not
 * hold up the supervisor.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/control/client_row.h"
#include "supervisor/control/control_client.h"
#include "supervisor/supervisor.h"

#define SCAN_SLICE    4096
#define LIMIT_DEFAULT 100
#define LIMIT_MAX     10000

struct scan {
	struct control_call *call; /* borrowed */
	struct event *turn;	   /* owned */
	json_t *rows;		   /* owned */
	const char *filter;	   /* borrowed: of the request */
	json_int_t limit;
	json_int_t offset;
	json_int_t total;
	bool one_slot;
	uint32_t slot;
	uint32_t record;
	uint32_t busy; /* records that changed too fast to be read */
};

static void
scan_free(struct scan *scan)
{
	if (scan->turn != NULL)
		event_free(scan->turn);
	json_decref(scan->rows);
	free(scan);
}

static void
cancel(struct control_call *call)
{
	scan_free(call->state);
	call->state = NULL;
}

static void
look_at(struct scan *scan, const struct slot *slot, uint32_t record)
{
	struct record_view view;
	int rc = table_read(&slot->memory.table, record, &view);

	if (rc == -EAGAIN)
		scan->busy++;
	if (rc != 0 || view.body.state == RECORD_FREE ||
	    !client_row_matches(&view, scan->filter))
		return;
	scan->total++;
	if (scan->total > scan->offset &&
	    (json_int_t)json_array_size(scan->rows) < scan->limit)
		json_array_append_new(scan->rows, client_row_json(slot, &view));
}

/* False: at the end. */
static bool
scan_slice(struct scan *scan, const struct supervisor *sup)
{
	int left = SCAN_SLICE;

	while (scan->slot < sup->gateways) {
		const struct slot *slot = sup->slots[scan->slot];
		uint32_t high = slot_memory_records(&slot->memory);

		if (slot->memory.table.is_foreign)
			scan->busy += atomic_load(
			    &slot->memory.table.header->live);
		for (; scan->record < high; scan->record++) {
			if (left-- == 0)
				return true;
			look_at(scan, slot, scan->record);
		}
		if (scan->one_slot)
			return false;
		scan->slot++;
		scan->record = 0;
	}
	return false;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct scan *scan = arg;
	struct control_call *call = scan->call;
	struct timeval soon = { 0 };
	json_t *result;

	(void)fd;
	(void)what;
	if (scan_slice(scan, call->sup)) {
		event_add(scan->turn, &soon);
		return;
	}
	result = json_pack("{s:O, s:I, s:I}", "clients", scan->rows, "total",
	    scan->total, "unreadable", (json_int_t)scan->busy);
	call->state = NULL;
	call->cancel = NULL;
	scan_free(scan);
	control_done(call, result);
}

static int
scan_start(struct control_call *call, json_int_t limit, json_int_t offset,
    json_int_t slot)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	struct timeval now = { 0 };

	if (scan == NULL)
		return -ENOMEM;
	scan->call = call;
	scan->limit = limit;
	scan->offset = offset;
	scan->one_slot = slot >= 0;
	scan->slot = slot >= 0 ? (uint32_t)slot : 0;
	scan->filter = control_arg_text(call, "filter");
	scan->rows = json_array();
	scan->turn = evtimer_new(call->sup->base, on_turn, scan);
	if (scan->rows == NULL || scan->turn == NULL ||
	    event_add(scan->turn, &now) != 0) {
		scan_free(scan);
		return -ENOMEM;
	}
	call->state = scan;
	call->cancel = cancel;
	return 0;
}

void
control_run_clients(struct control_call *call)
{
	json_int_t limit = control_arg_int(call, "limit", LIMIT_DEFAULT);
	json_int_t offset = control_arg_int(call, "offset", 0);
	json_int_t slot = control_arg_int(call, "slot", -1);

	if (limit < 0 || limit > LIMIT_MAX || offset < 0 || slot < -1 ||
	    slot >= (json_int_t)call->sup->gateways) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "limit: 0 to %d; slot: 0 to %u", LIMIT_MAX,
		    call->sup->gateways - 1);
		return;
	}
	if (scan_start(call, limit, offset, slot) != 0)
		control_fail(call, "no_memory", CONTROL_EXIT_REFUSED,
		    "no memory for the list");
}

void
control_run_where(struct control_call *call)
{
	const struct supervisor *sup = call->sup;
	const char *client = control_arg_text(call, "client");
	struct record_view view;
	bool busy = false;
	json_t *row;
	uint32_t i;

	if (client == NULL) {
		control_fail(call, "bad_request", CONTROL_EXIT_USAGE,
		    "client: a client id is wanted");
		return;
	}
	for (i = 0; i < sup->gateways; i++) {
		const struct slot *slot = sup->slots[i];
		int rc;

		if (slot->memory.table.header == NULL)
			continue;
		rc = table_find(&slot->memory.table, client, strlen(client),
		    &view);
		busy = busy || rc == -EAGAIN;
		if (rc != 0)
			continue;
		row = client_row_json(slot, &view);
		json_object_set_new(row, "node",
		    control_text(sup->conf.settings.node.id));
		control_done(call, row);
		return;
	}
	if (busy)
		control_fail(call, "busy", CONTROL_EXIT_REFUSED,
		    "the table changes too fast; ask again");
	else if (sup->fleet != NULL)
		control_ask_where(call);
	else
		control_fail(call, "not_connected", CONTROL_EXIT_REFUSED,
		    "no connection has that client id");
}
