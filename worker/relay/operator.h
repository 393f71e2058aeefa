/* SPDX-License-Identifier: ISC */
/*
 * Requests of the operator (`holdfastctl send`, `dispatch`, `kick`,
 * `where` and `broadcast`), which the supervisor hands on as MSG_REQUEST and
 * which MSG_REPLY answers.
 */
#ifndef HOLDFAST_RELAY_OPERATOR_H
#define HOLDFAST_RELAY_OPERATOR_H

#include "proto/holdfast.pb-c.h"

struct relay;

/* The reason: what a close frame's 125 bytes leave beside the code. */
#define OPERATOR_KICK_CODE  4002
#define OPERATOR_REASON_MAX 123u

void operator_request(struct relay *, const Holdfast__Request *);

/* text and node may be NULL. */
void operator_reply(struct relay *, uint64_t id, const char *status,
    const char *text, const char *node);

/* Of a client of another node: "connected", and as text the row that it has, or
 * "registered" and what Redis has, when it does not answer. */
void operator_where(struct relay *, uint64_t id, const char *client);
/* The text of the reply is the API's answer. */
void operator_broadcast(struct relay *, const Holdfast__Request *);

#endif
