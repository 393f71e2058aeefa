/* SPDX-License-Identifier: ISC */
/*
 * The dispatch document that redis_load publishes and ws_load recognises: it
 * carries its number on the connection and the time at which it was published.
 * Pure.
 */
#ifndef HOLDFAST_BENCH_COMMON_PUSH_H
#define HOLDFAST_BENCH_COMMON_PUSH_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/common_wire.h"

enum { PUSH_MIN_LEN = 200, PUSH_MAX_LEN = 65536 };

/* A document of len bytes and its NUL, to be told apart by push_set(). */
void push_format(char *out, size_t len);
/* Whom it is for, which it is, and when: in place. */
void push_set(char *out, const char client_id[WIRE_CLIENT_ID_LEN + 1],
    uint32_t number, uint64_t at_ns);
/* 0, or -EBADMSG: not made by push_set(). */
int push_parse(const uint8_t *bytes, size_t len, uint32_t *out_number,
    uint64_t *out_at_ns);

#endif
