/* SPDX-License-Identifier: ISC */
/*
 * Rows of `holdfastctl clients` (see client_row.h).
 */
#include "supervisor/control/client_row.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "proto/arena.h"
#include "supervisor/control/control.h"
#include "supervisor/supervisor.h"

void
client_row_address(const uint8_t addr[16], char out[CLIENT_ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, addr + 12, out, CLIENT_ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, addr, out, CLIENT_ADDRESS_SIZE);
}

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
	char address[CLIENT_ADDRESS_SIZE];

	if (filter == NULL || filter[0] == '\0' ||
	    matches_text(view->id, filter))
		return true;
	client_row_address(view->body.addr, address);
	return matches_text(address, filter);
}

static void
format_uuid(const uint8_t uuid[16], char out[37])
{
	int i, at = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		at += snprintf(out + at, 3, "%02x", uuid[i]);
	}
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

static uint32_t
silent_ms(const struct record_body *body)
{
	/* Wraps after 49 days, as the record's own stamp does. */
	uint32_t ms = (uint32_t)clock_mono_ms() - body->seen_ms;
	uint64_t now_us = clock_real_us();

	if (ms > INT32_MAX)
		return 0;
	/* The stamp of a peer that has not spoken yet is from before it came,
	 * so that first pings spread. */
	if (body->established_us <= now_us &&
	    (now_us - body->established_us) / 1000 < ms)
		ms = (uint32_t)((now_us - body->established_us) / 1000);
	return ms;
}

json_t *
client_row_json(const struct slot *slot, const struct record_view *view)
{
	const struct record_body *body = &view->body;
	char address[CLIENT_ADDRESS_SIZE], uuid[37];
	char since[CLOCK_RFC3339_SIZE] = "";
	uint32_t idle_ms = silent_ms(body);
	json_t *row;

	client_row_address(body->addr, address);
	format_uuid(body->uuid, uuid);
	clock_rfc3339_format(body->established_us / 1000, since, sizeof(since));
	row = json_pack("{s:o, s:i, s:I, s:s, s:s, s:i, s:s, s:I, s:o, s:I,"
			" s:I, s:I, s:I, s:I, s:b, s:s}",
	    "client_id", control_text(view->id), "slot", (int)slot->number,
	    "record", (json_int_t)view->index, "state",
	    record_state_name(body->state), "address", address, "port",
	    (int)body->port, "established_at", since, "idle_ms",
	    (json_int_t)idle_ms, "ping_latency_us",
	    body->ping_latency_us == 0 ?
		json_null() :
		json_integer((json_int_t)body->ping_latency_us),
	    "messages_in", (json_int_t)body->messages_in, "messages_out",
	    (json_int_t)body->messages_out, "bytes_in", (json_int_t)body->taken,
	    "bytes_out", (json_int_t)body->given, "queued",
	    queued_bytes(slot, body), "compressed",
	    (body->flags & RECORD_DEFLATE) != 0, "uuid", uuid);
	if (row != NULL)
		add_listener(row, slot->sup, body->listener);
	return row;
}
