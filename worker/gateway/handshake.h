/* SPDX-License-Identifier: ISC */
/*
 * The opening of a connection: from request bytes to 101 or a refusal, with
 * everything that may refuse a client (path, origin, identity, poison,
 * capacity, rate) asked before the 101.
 */
#ifndef HOLDFAST_GATEWAY_HANDSHAKE_H
#define HOLDFAST_GATEWAY_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

struct gateway;
struct step_work;

/* n new bytes of a connection in handshake; returns how many were used. */
size_t handshake_input(struct gateway *, struct step_work *, const uint8_t *p,
    size_t n);

/* A step of its own: a connection in handshake is told 503 now, whether its
 * request is there or not; what still comes is read until the peer's FIN. */
void handshake_turn_away(struct gateway *, uint32_t rec);

#endif
