/* SPDX-License-Identifier: ISC */
/*
 * Operators' requests that the relay carries out (send, dispatch, kick, where,
 * broadcast): numbered, sent over its tenant channel, and given up at a
 * deadline.
 */
#ifndef HOLDFAST_CONTROL_RELAY_REQUEST_H
#define HOLDFAST_CONTROL_RELAY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

struct supervisor;

/* status NULL: the deadline has passed; text and node may be NULL, too.
 * Borrowed. */
typedef void relay_request_cb(const char *status, const char *text,
    const char *node, void *arg);

struct relay_request {
	uint64_t id;
	relay_request_cb *done;
	void *arg;
	struct relay_requests *all; /* borrowed */
	struct event *deadline;	    /* owned */
	TAILQ_ENTRY(relay_request) entry;
};

struct relay_requests {
	TAILQ_HEAD(, relay_request) list;
	uint64_t last_id;
};

struct relay_request_spec {
	const char *verb; /* "send", "dispatch", "kick", "where", "broadcast" */
	const char *client;
	const void *payload;
	size_t payload_len;
	uint32_t code; /* 0: none */
	bool is_node_scope;
	relay_request_cb *done;
	void *arg;
};

void relay_requests_init(struct relay_requests *requests);
/* Drops all without a word. */
void relay_requests_clear(struct relay_requests *requests);

/* `done` is called once, later.  -errno: the relay cannot be asked. */
int relay_request_send(struct supervisor *sup,
    const struct relay_request_spec *spec, struct relay_request **out);
/* Nobody waits for it any more. */
void relay_request_cancel(struct relay_request *request);

/* The relay's answer; unknown ids are late ones and ignored. */
void relay_requests_answer(struct relay_requests *requests, uint64_t id,
    const char *status, const char *text, const char *node);

#endif
