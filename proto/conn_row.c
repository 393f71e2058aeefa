/* SPDX-License-Identifier: ISC */
/*
 * See conn_row.h.
 */
#include "proto/conn_row.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"

void
conn_row_address(const uint8_t addr[16], char out[CONN_ROW_ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, addr + 12, out, CONN_ROW_ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, addr, out, CONN_ROW_ADDRESS_SIZE);
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

void
conn_row_put(struct textbuf *json, uint32_t slot,
    const struct record_view *view)
{
	const struct record_body *body = &view->body;
	char address[CONN_ROW_ADDRESS_SIZE], uuid[37], ping[24] = "null";
	char since[CLOCK_RFC3339_SIZE] = "";

	conn_row_address(body->addr, address);
	format_uuid(body->uuid, uuid);
	clock_rfc3339_format(body->established_us / 1000, since, sizeof(since));
	if (body->ping_latency_us != 0)
		snprintf(ping, sizeof(ping), "%u",
		    (unsigned)body->ping_latency_us);
	textbuf_puts(json, "{\"client_id\":");
	textbuf_json(json, view->id, strlen(view->id));
	textbuf_printf(json,
	    ",\"slot\":%u,\"record\":%u,\"state\":\"%s\",\"address\":\"%s\","
	    "\"port\":%u,\"established_at\":\"%s\",\"idle_ms\":%u,"
	    "\"ping_latency_us\":%s,",
	    slot, view->index, record_state_name(body->state), address,
	    (unsigned)body->port, since, silent_ms(body), ping);
	textbuf_printf(json,
	    "\"messages_in\":%llu,\"messages_out\":%llu,\"bytes_in\":%llu,"
	    "\"bytes_out\":%llu,\"compressed\":%s,\"uuid\":\"%s\"}",
	    (unsigned long long)body->messages_in,
	    (unsigned long long)body->messages_out,
	    (unsigned long long)body->taken, (unsigned long long)body->given,
	    (body->flags & RECORD_DEFLATE) != 0 ? "true" : "false", uuid);
}
