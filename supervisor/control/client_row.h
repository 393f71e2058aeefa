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

/* filter: part of a client id or of an address; with '*' or '?' a pattern for
 * the whole; NULL or "" for all. */
bool client_row_matches(const struct record_view *view, const char *filter);

json_t *client_row_json(const struct slot *slot,
    const struct record_view *view);

#endif
