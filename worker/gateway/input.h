/* SPDX-License-Identifier: ISC */
/*
 * Input of the current step: bytes from a client become a request head, then
 * frames and messages (RFC 6455 section 5), and their effect.  What is not yet
 * a whole message goes to the connection's block in the arena, unmasked on the
 * way and never touched again.
 */
#ifndef HOLDFAST_GATEWAY_INPUT_H
#define HOLDFAST_GATEWAY_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/counters.h"

struct gateway;
struct step_work;

/* n new bytes of the current step's connection, in the in scratch.  Returns how
 * many were used: of a step that has only peeked at them it may be fewer. */
size_t input_bytes(struct gateway *, struct step_work *, const uint8_t *p,
    size_t n);

/* The in block with room for `more` bytes behind in_len (expected: how many
 * may follow in all); NULL: no memory, the step is doomed. */
uint8_t *input_room(struct gateway *, struct step_work *, uint32_t more,
    uint64_t expected);
void input_drop(struct gateway *, struct step_work *);

/* Violation: close frame, then linger. */
void input_fail(struct gateway *, struct step_work *, uint16_t code,
    const char *reason, enum counter cause);

/* input_frame.c: frames of an open or closing connection; returns how many of
 * the n bytes were used. */
size_t input_frames(struct gateway *, struct step_work *, const uint8_t *p,
    size_t n);

/* input_message.c: a whole message, payload as it came (deflated or not). */
void input_message(struct gateway *, struct step_work *, uint8_t opcode,
    int deflated, const uint8_t *p, size_t n);

#endif
