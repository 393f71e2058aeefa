/* SPDX-License-Identifier: ISC */
/*
 * Who may come in: node capacity, connections per address, memory, drain, the
 * poison table, and the node's handshake rate, whose token is taken when the
 * connection is accepted (accept.c).
 */
#ifndef HOLDFAST_GATEWAY_ADMISSION_H
#define HOLDFAST_GATEWAY_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/token_bucket.h"
#include "proto/counters.h"

struct gateway;
struct http_refusal;
struct step_work;

/* true: admitted; counts a proxied client's address.  false: the refusal, how
 * long to stay away (-1: not said) and the counter are filled. */
bool admission_ask(struct gateway *, struct step_work *, const char *id,
    size_t len, struct http_refusal *, int *out_retry_s,
    enum counter *out_cause);

/* Condition of the node in one word for GET /healthz, asked by a connection
 * that still has its token if it got one; *out_retry_ms stays 0 when clients
 * are welcome. */
const char *admission_word(struct gateway *, const struct step_work *,
    uint32_t *out_retry_ms);

/* It was no handshake that the connection was for: somebody else may have its
 * token. */
void admission_give_back(struct gateway *, struct step_work *);

/* Handshakes of the node: as configured, or what a storm leaves it. */
struct token_rate admission_rate(const struct gateway *);

/* How long clients of another node still come back, 0: there is no storm. */
uint32_t admission_spread_ms(const struct gateway *);

/* How long somebody who is refused now should stay away. */
uint32_t admission_retry_ms(const struct gateway *);

bool admission_is_proxy(const struct gateway *, const uint8_t addr[16]);

/* Counts the connection under its address if there is a limit and room. */
void admission_count(struct gateway *, struct step_work *);

/* Is the arena so full that no new connection should come? */
bool admission_is_tight(const struct gateway *);

#endif
