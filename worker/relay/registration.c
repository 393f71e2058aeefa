/* SPDX-License-Identifier: ISC */
/*
 * See registration.h.
 */
#include "worker/relay/registration.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "lib/cidr.h"
#include "lib/clock.h"

#define TIME_MS_MAX 253402300799999.0 /* the end of the year 9999 */

/* A member of an object with the name's quotes and colon. */
static void
put_text(struct textbuf *json, const char *name, const char *value)
{
	textbuf_printf(json, "\"%s\":", name);
	textbuf_json(json, value, strlen(value));
	textbuf_putc(json, ',');
}

void
registration_put(struct textbuf *json, const char *node_id,
    const struct record_view *view)
{
	char address[IPADDR_TEXT_SIZE], when[CLOCK_RFC3339_SIZE];
	struct ipaddr ip;

	memcpy(ip.bytes, view->body.addr, sizeof(ip.bytes));
	ipaddr_format(&ip, address);
	if (clock_rfc3339_format(view->body.established_us / 1000, when,
		sizeof(when)) == 0)
		when[0] = '\0';
	textbuf_putc(json, '{');
	put_text(json, "client_id", view->id);
	put_text(json, "gateway_node_id", node_id);
	put_text(json, "connection_status", "connected");
	put_text(json, "ip_address", address);
	put_text(json, "established_at", when);
	textbuf_puts(json, "\"ping_latency_ms\":");
	if (view->body.ping_latency_us == 0)
		textbuf_puts(json, "null}"); /* none measured yet */
	else
		textbuf_printf(json, "%u.%03u}",
		    view->body.ping_latency_us / 1000,
		    view->body.ping_latency_us % 1000);
}

int
registration_established(const char *text, size_t len, uint64_t *out_ms)
{
	const json_t *when;
	uint64_t ms = 0;
	json_t *root;
	int rc = 0;

	if (len > REGISTRATION_MAX)
		return -EINVAL;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return -EINVAL;
	}
	when = json_object_get(root, "established_at");
	if (json_is_string(when))
		rc = clock_rfc3339_parse(json_string_value(when), &ms);
	else if (json_is_number(when) && json_number_value(when) >= 0 &&
	    json_number_value(when) <= TIME_MS_MAX)
		ms = (uint64_t)json_number_value(when);
	json_decref(root);
	if (rc == 0)
		*out_ms = ms;
	return rc;
}

bool
registration_gives_way(uint64_t a_ms, const char *node_a, uint64_t b_ms,
    const char *node_b)
{
	if (a_ms != b_ms)
		return a_ms < b_ms;
	return strcmp(node_a, node_b) < 0;
}
