/* SPDX-License-Identifier: ISC */
/*
 * One request to the HTTP API: what its handler gets, and the ways to answer.
 * A handler answers at once or keeps the request and answers later; exactly
 * once in every case.  The request outlives its connection.
 */
#ifndef HOLDFAST_RELAY_API_CALL_H
#define HOLDFAST_RELAY_API_CALL_H

#include <stddef.h>

#include <event2/http.h>
#include <jansson.h>

#include "worker/relay/api_json.h"

struct api;

struct api_call {
	struct api *api;
	struct evhttp_request *request;
	const char *body; /* bytes of the request's buffer */
	size_t len;
	const char *query;		       /* NULL: none */
	char client_id[API_CLIENT_ID_MAX + 1]; /* last part of the path */
};

/* Takes the reference to value. */
void api_call_reply(const struct api_call *, int status, json_t *value);
void api_call_refuse(const struct api_call *, const struct api_fault *);
void api_call_fault(const struct api_call *, int status, const char *code,
    const char *text);

/* Handlers, by file. */
void api_dispatch(const struct api_call *); /* api_dispatch.c */
void api_register(const struct api_call *); /* api_clients.c */
void api_client_get(const struct api_call *);
void api_client_delete(const struct api_call *);
void api_disconnect(const struct api_call *);
void api_broadcast(const struct api_call *); /* api_node.c */
void api_fleet_nodes(const struct api_call *);

#endif
