/* SPDX-License-Identifier: ISC */
/*
 * A connection's record as operators see it: a row of JSON, and the filter
 * that chooses rows.
 */
#ifndef HOLDFAST_CONTROL_CLIENT_ROW_H
#define HOLDFAST_CONTROL_CLIENT_ROW_H

#include <stdbool.h>

#include <jansson.h>

#include "proto/table.h"
#include "supervisor/slot/slot.h"

/* Text of an IPv4, mapped or IPv6 address. */
#define CLIENT_ADDRESS_SIZE 46
void client_row_address(const uint8_t addr[16], char out[CLIENT_ADDRESS_SIZE]);

/* filter: part of a client id or of an address; with '*' or '?' a pattern for
 * the whole; NULL or "" for all. */
bool client_row_matches(const struct record_view *view, const char *filter);

json_t *client_row_json(const struct slot *slot,
    const struct record_view *view);

#endif
