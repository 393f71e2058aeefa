/* SPDX-License-Identifier: ISC */
/*
 * Output of the current step: frames and HTTP answers for the client, put
 * behind what is still waiting for it.  While nothing waits, output goes to
 * the out scratch; otherwise to the end of the connection's block in the
 * arena, whose sent part is known from record.given.  Nothing leaves before
 * step_commit().
 */
#ifndef HOLDFAST_GATEWAY_OUTPUT_H
#define HOLDFAST_GATEWAY_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway;
struct step_work;

/* Bytes in the arena block that the kernel has not taken. */
uint64_t output_pending(const struct step_work *);

/* Room for n bytes, to be filled and then added; NULL: no memory. */
uint8_t *output_reserve(struct gateway *, struct step_work *, size_t n);
void output_add(struct step_work *, size_t n);

/* A fresh arena block that begins with everything unsent and has room for
 * `room` bytes more.  0 or -ENOMEM. */
int output_grow(struct gateway *, struct step_work *, size_t room);

/* Raw bytes: an HTTP answer.  0 or -ENOMEM. */
int output_bytes(struct gateway *, struct step_work *, const void *, size_t);

/* One frame. */
int output_frame(struct gateway *, struct step_work *, uint8_t opcode,
    bool rsv1, const void *, size_t);

/* A text or binary message, compressed if that was agreed and helps. */
int output_message(struct gateway *, struct step_work *, uint8_t opcode,
    const void *, size_t);

/* A close frame, once; nothing for code 1005 but an empty payload. */
int output_close(struct gateway *, struct step_work *, uint16_t code,
    const char *reason);

/* The bytes to send now and their count (0: none). */
const uint8_t *output_next(struct gateway *, const struct step_work *,
    size_t *out_n);

#endif
