/* SPDX-License-Identifier: ISC */
/*
 * A client's registration: the document that the API shows and that
 * node-clients:NODE keeps, and how two of them compare.  Pure.
 */
#ifndef HOLDFAST_RELAY_REGISTRATION_H
#define HOLDFAST_RELAY_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/textbuf.h"
#include "proto/table.h"

#define REGISTRATION_MAX 4096u /* bytes */

/* Appends that of a connection of this node. */
void registration_put(struct textbuf *json, const char *node_id,
    const struct record_view *view);

/* established_at of a registration in milliseconds since 1970, 0 when there is
 * none.  -EINVAL: the text is no registration. */
int registration_established(const char *text, size_t len, uint64_t *out_ms)
    __attribute__((warn_unused_result));

/* Does the connection established at a_ms on node_a give way to the other one?
 * The later one stays; of two at the same time that of the greater node id. */
bool registration_gives_way(uint64_t a_ms, const char *node_a, uint64_t b_ms,
    const char *node_b);

#endif
