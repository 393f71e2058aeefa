/* SPDX-License-Identifier: ISC */
/*
 * One request of the HTTP API, from its arrival to its reply.  Whoever holds a
 * call replies to it exactly once; that frees it.  The peer may have gone in
 * the meantime: the reply then goes nowhere.
 */
#ifndef HOLDFAST_RELAY_API_CALL_H
#define HOLDFAST_RELAY_API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/http.h>
#include <jansson.h>

#include "lib/textbuf.h"
#include "worker/relay/api_json.h"

#define API_REPLY_MAX (16u * 1024 * 1024)

struct api;
struct relay;

struct api_call {
	struct api *api;		/* borrowed */
	struct relay *relay;		/* borrowed */
	struct evhttp_request *request; /* owned by evhttp until the reply */
	const char *body;		/* until api_call_drop_body() */
	size_t body_len;
	/* the last part of the path, decoded; paths that end in a client id */
	char client_id[API_CLIENT_ID_MAX + 1];
	size_t client_id_len;
	uint32_t wait_ms;
	bool is_node_scope; /* ?scope=node, of broadcasts and of nodes */
	uint64_t started_us;
};

/* For calls that wait: the request's bytes are not needed any more. */
void api_call_drop_body(struct api_call *);

/* Replies with the text, which is emptied.  A text that has failed (no memory)
 * becomes a 503. */
void api_reply(struct api_call *, int status, struct textbuf *json);

/* {"error": code, "message": text} */
void api_reply_fault(struct api_call *, const struct api_fault *);

/* 404, for a client that is not connected here. */
void api_reply_not_connected(struct api_call *, const char *client_id);
/* 503: try again. */
void api_reply_busy(struct api_call *, const char *text);

/* The body as JSON, or NULL after the reply has been sent. */
json_t *api_call_json(struct api_call *, const struct api_field *,
    size_t count);

/* The handlers, each in api_<noun>.c. */
typedef void api_handler(struct api_call *);

api_handler api_dispatch_post;
api_handler api_disconnect_post;
api_handler api_broadcast_post;
api_handler api_fleet_nodes_get;
api_handler api_registry_post;
api_handler api_registry_get;
api_handler api_registry_delete;

#endif
