/* SPDX-License-Identifier: ISC */
/*
 * A ring of events (see event_log.h).
 */
#include "supervisor/event_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
event_log_init(struct event_log *log)
{
	log->last_seq = 0;
	log->ring = calloc(EVENT_LOG_SIZE, sizeof(log->ring[0]));
	return log->ring == NULL ? -ENOMEM : 0;
}

void
event_log_clear(struct event_log *log)
{
	free(log->ring);
	log->ring = NULL;
}

static void
copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from == NULL ? "" : from);
}

const struct event_entry *
event_log_add(struct event_log *log, uint64_t time_ms, const char *kind,
    int slot, const char *client, const char *text, int64_t value)
{
	struct event_entry *entry;

	log->last_seq++;
	entry = &log->ring[log->last_seq % EVENT_LOG_SIZE];
	entry->seq = log->last_seq;
	entry->time_ms = time_ms;
	entry->value = value;
	entry->slot = slot;
	copy(entry->kind, sizeof(entry->kind), kind);
	copy(entry->client, sizeof(entry->client), client);
	copy(entry->text, sizeof(entry->text), text);
	return entry;
}

const struct event_entry *
event_log_after(const struct event_log *log, uint64_t seq)
{
	uint64_t first = log->last_seq > EVENT_LOG_SIZE ?
	    log->last_seq - EVENT_LOG_SIZE + 1 :
	    1;

	if (seq + 1 > first)
		first = seq + 1;
	return first > log->last_seq ? NULL :
				       &log->ring[first % EVENT_LOG_SIZE];
}
