/* SPDX-License-Identifier: ISC */
/*
 * A connection's record as operators see it, in JSON: made by the supervisor
 * for its own node and by the relay for others.
 */
#ifndef HOLDFAST_PROTO_CONN_ROW_H
#define HOLDFAST_PROTO_CONN_ROW_H

#include "lib/textbuf.h"
#include "proto/table.h"

/* Text of an IPv4, mapped or IPv6 address. */
#define CONN_ROW_ADDRESS_SIZE 46
void conn_row_address(const uint8_t addr[16], char out[CONN_ROW_ADDRESS_SIZE]);

#define CONN_ROW_MAX 4096u /* bytes that it certainly fits in */
/* Appends the object. */
void conn_row_put(struct textbuf *json, uint32_t slot,
    const struct record_view *view);

#endif
