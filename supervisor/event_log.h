/* SPDX-License-Identifier: ISC */
/*
 * The last events of the node that an operator wants to see, in a ring of
 * fixed size; `holdfastctl events` reads and follows it.  Texts come from
 * workers, so they are cut to size and shown as data only.
 */
#ifndef HOLDFAST_SUPERVISOR_EVENT_LOG_H
#define HOLDFAST_SUPERVISOR_EVENT_LOG_H

#include <stdint.h>

#define EVENT_LOG_SIZE 1000u
/* What a verdict on a node rests on, with the ids of three nodes. */
#define EVENT_TEXT_SIZE 640

struct event_entry {
	uint64_t seq; /* from 1, without gaps */
	uint64_t time_ms;
	int64_t value;
	int slot; /* -1: none */
	char kind[32];
	char client[104];
	char text[EVENT_TEXT_SIZE];
};

struct event_log {
	struct event_entry *ring; /* owned; EVENT_LOG_SIZE of them */
	uint64_t last_seq;
};

int event_log_init(struct event_log *log);
void event_log_clear(struct event_log *log);

/* client and text may be NULL.  Returns the entry, good until as many more
 * have been added as there is room for. */
const struct event_entry *event_log_add(struct event_log *log, uint64_t time_ms,
    const char *kind, int slot, const char *client, const char *text,
    int64_t value);

/* The first entry after `seq` that is still there, or NULL. */
const struct event_entry *event_log_after(const struct event_log *log,
    uint64_t seq);

#endif
