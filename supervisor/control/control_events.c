/* SPDX-License-Identifier: ISC */
/*
 * events on the control socket: those of the ring, then, when the client
 * follows, each new one until it leaves.
 */
#include <event2/buffer.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "supervisor/control/control_client.h"
#include "supervisor/supervisor.h"

/* A follower that has so much to read still is dropped. */
#define FOLLOWER_MAX_BYTES (1024u * 1024)

static json_t *
event_json(const struct event_entry *entry)
{
	char when[CLOCK_RFC3339_SIZE] = "";
	json_t *json;

	clock_rfc3339_format(entry->time_ms, when, sizeof(when));
	json = json_pack("{s:s, s:I, s:o, s:I}", "time", when, "seq",
	    (json_int_t)entry->seq, "kind", control_text(entry->kind), "value",
	    (json_int_t)entry->value);
	if (json == NULL)
		return NULL;
	if (entry->slot >= 0)
		json_object_set_new(json, "slot", json_integer(entry->slot));
	if (entry->client[0] != '\0')
		json_object_set_new(json, "client",
		    control_text(entry->client));
	if (entry->text[0] != '\0')
		json_object_set_new(json, "text", control_text(entry->text));
	return json;
}

/* since_ms: how far back, or absent for all. */
void
control_run_events(struct control_call *call)
{
	int64_t since_ms = control_arg_int(call, "since_ms", -1);
	uint64_t now = clock_real_ms(), seq = 0;
	uint64_t from_ms = since_ms < 0 || (uint64_t)since_ms > now ?
	    0 :
	    now - (uint64_t)since_ms;
	const struct event_entry *entry;
	json_int_t count = 0;

	while ((entry = event_log_after(&call->sup->events, seq)) != NULL) {
		seq = entry->seq;
		if (entry->time_ms < from_ms)
			continue;
		control_tell(call, "event", event_json(entry));
		count++;
	}
	if (control_arg_bool(call, "follow")) {
		call->client->follows = true;
		return;
	}
	control_done(call, json_pack("{s:I}", "events", count));
}

void
control_on_event(struct supervisor *sup, const struct event_entry *entry)
{
	struct control_client *client, *next;

	if (sup->control.listener == NULL)
		return;
	for (client = TAILQ_FIRST(&sup->control.clients); client != NULL;
	     client = next) {
		struct evbuffer *output = bufferevent_get_output(client->bev);

		next = TAILQ_NEXT(client, entry);
		if (!client->follows)
			continue;
		if (evbuffer_get_length(output) > FOLLOWER_MAX_BYTES) {
			log_warn("control_slow_reader", "it is disconnected",
			    log_int("client_pid", client->pid));
			control_client_free(client);
			continue;
		}
		control_tell(&client->call, "event", event_json(entry));
	}
}
